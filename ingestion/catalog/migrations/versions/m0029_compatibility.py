"""The schema says which programs it is for, so that an older one can go on, and start, while a newer one comes."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0024"
branch_labels = None
depends_on = None
compatible_from = "0029"


def upgrade() -> None:
    """Make room for it; what stands in it is written behind each step."""
    op.create_table("schema_compatibility", sa.Column("compatible_from", sa.String(length=32), primary_key=True))


def downgrade() -> None:
    """Forget it."""
    op.drop_table("schema_compatibility")
