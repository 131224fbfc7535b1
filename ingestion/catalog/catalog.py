"""The catalog as one object."""

from __future__ import annotations

from sqlalchemy import Engine

from core.clock import Clock
from ingestion.catalog.audit import AuditStore
from ingestion.catalog.audit_keeping import AuditKeeping
from ingestion.catalog.canaries import CanaryStore
from ingestion.catalog.canary_shadows import ShadowStore
from ingestion.catalog.comparisons import ComparisonStore
from ingestion.catalog.conversations import ConversationStore
from ingestion.catalog.cursors import CursorStore, KnownDocuments
from ingestion.catalog.database import Database
from ingestion.catalog.deletion_guard import DeletionGuard
from ingestion.catalog.documents import DocumentStore
from ingestion.catalog.failures import FailureStore
from ingestion.catalog.feedback import FeedbackStore
from ingestion.catalog.inbox import InboxStore
from ingestion.catalog.index_due import IndexDue
from ingestion.catalog.intake import Intake
from ingestion.catalog.membership_syncs import MembershipSyncs
from ingestion.catalog.memberships import MembershipStore
from ingestion.catalog.outcomes import Outcomes
from ingestion.catalog.parsers import ParserStore
from ingestion.catalog.pauses import PauseStore
from ingestion.catalog.published import PublishedStore
from ingestion.catalog.queue import DocumentQueue
from ingestion.catalog.rebuilds import RebuildStore
from ingestion.catalog.removal import Removal
from ingestion.catalog.retries import Retries
from ingestion.catalog.reviews import ReviewStore
from ingestion.catalog.runs import RunStore
from ingestion.catalog.source_checks import SourceCheckStore
from ingestion.catalog.sources import SourceStore
from ingestion.catalog.standings import Standings
from ingestion.catalog.stopping import Stopping
from ingestion.catalog.tallies import Tallies
from ingestion.catalog.usage import UsageStore
from ingestion.catalog.visibility import Visibility
from ingestion.catalog.warnings import WarningStore


class Catalog:
    """Everything that is known of sources, documents, runs and failures. Safe to use from several threads.

    Attributes:
        clock: what its times are told by.
        sources, documents, runs, failures, warnings, parsers, pauses: what there is.
        cursors: how far listings have come.
        intake: writes what listings found.
        queue: hands documents to tasks.
        outcomes: writes what became of them.
        retries: sends failures through again.
        removal: takes documents out.
        deletions: how much listings have deleted.
        stopping: cancels runs, and lets sources rest.
        standings: how sources and their runs stand.
        index_due: what the index has yet to hear.
        comparisons: how the catalog stands to the index.
        tallies: what counts are summed up from.
        visibility: the epochs of what readers may find.
        rebuilds: how builds of the index stand.
        audit: what administrators did.
        memberships, membership_syncs: who is in the groups of sources, and how syncing that stands.
        checks: settings of sources that workers are to try out.
        inbox: what was pushed.
        canaries, shadows: how often the arms of canaries fail, and what candidates answered without being shown.
        conversations, feedback: questions and answers that are kept, and what readers say of them.
        reviews: which answers people look at, and what they find.
        published: reports of evaluations.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self.sources = SourceStore(database, clock)
        self.cursors = CursorStore(database)
        self.documents = DocumentStore(database)
        self.runs = RunStore(database, clock)
        self.failures = FailureStore(database)
        self.warnings = WarningStore(database, clock)
        self.parsers = ParserStore(database, clock)
        self.pauses = PauseStore(database, clock)
        self.intake = Intake(database, clock)
        self.queue = DocumentQueue(database, clock)
        self.outcomes = Outcomes(database, clock)
        self.retries = Retries(database, clock)
        self.removal = Removal(database, clock)
        self.deletions = DeletionGuard(database)
        self.stopping = Stopping(database, clock)
        self.standings = Standings(database, clock)
        self.index_due = IndexDue(database, clock)
        self.comparisons = ComparisonStore(database, clock)
        self.tallies = Tallies(database)
        self.visibility = Visibility(database)
        self.rebuilds = RebuildStore(database, clock)
        self.audit = AuditStore(database, clock)
        self.usage = UsageStore(database)
        self.audit_keeping = AuditKeeping(database, clock)
        self.memberships = MembershipStore(database)
        self.membership_syncs = MembershipSyncs(database, clock)
        self.checks = SourceCheckStore(database, clock)
        self.inbox = InboxStore(database, clock)
        self.conversations = ConversationStore(database, clock)
        self.feedback = FeedbackStore(database, clock)
        self.reviews = ReviewStore(database, clock)
        self.canaries = CanaryStore(database, clock)
        self.shadows = ShadowStore(database)
        self.published = PublishedStore(database, clock)

    def known(self, source_id: str) -> KnownDocuments:
        """What is known of a source's documents, for its connector."""
        return KnownDocuments(self.database, source_id)

    @property
    def engine(self) -> Engine:
        """For the parts that bring their own statements; see :class:`ingestion.catalog.database.Database`."""
        return self.database.engine

    def close(self) -> None:
        """Close connections."""
        self.database.close()
