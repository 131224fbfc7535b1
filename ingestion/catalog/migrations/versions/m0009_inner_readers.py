"""What documents in an archive or a message say of their readers holds for the whole: these are read once more."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the next listing take every outermost document that holds others for changed."""
    outer = "SELECT parent_id FROM documents WHERE parent_id IS NOT NULL"
    op.execute(
        f"UPDATE documents SET revision = '', content_revision = '' WHERE parent_id IS NULL AND id IN ({outer})"  # noqa: S608 - no value of anybody's
    )


def downgrade() -> None:
    """Nothing to take back."""
