"""Gates become access lists that never let in more than every gate does, nor less once memberships are known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.principal import AccessList, Principal
from ingestion.connectors.confluence.access import (
    ALL_OF,
    NOBODY,
    Gate,
    access_list,
    joint_group,
    narrowed,
    passing,
)

USERS = [f"u{number}" for number in range(5)]
GROUPS = ["hr", "ops", "all"]
_gates = st.sets(
    st.builds(
        Gate,
        st.frozensets(st.sampled_from(USERS), max_size=3),
        st.frozensets(st.sampled_from([*GROUPS, "deleted"]), max_size=2),
        st.booleans(),
    ),
    max_size=4,
)
_members = st.fixed_dictionaries({group: st.frozensets(st.sampled_from(USERS)) for group in GROUPS})


def group(name: str) -> str:
    return f"src/{name}"


def passes(user: str, gate: Gate, members: dict[str, frozenset[str]]) -> bool:
    return gate.everyone or user in gate.users or any(user in members.get(name, ()) for name in gate.groups)


@given(_gates, _members)
def test_a_reader_is_let_in_if_and_only_if_every_gate_does(
    gates: set[Gate], members: dict[str, frozenset[str]]
) -> None:
    few = narrowed(gates)
    acl = access_list(few, group, {user: f"{user}@example.com" for user in USERS})
    synced = {group(name): users for name, users in members.items()}
    if len(few) > 1:
        synced[group(joint_group(few))] = passing(few, members)
    for user in USERS:
        reader = Principal(f"{user}@example.com", frozenset(name for name, users in synced.items() if user in users))
        assert acl.allows(reader) == all(passes(user, gate, members) for gate in gates)
    assert acl.allows(Principal()) == all(gate.everyone for gate in gates)


@given(_gates)
def test_before_memberships_are_known_several_gates_let_nobody_in(gates: set[Gate]) -> None:
    few = narrowed(gates)
    acl = access_list(few, group, {user: f"{user}@example.com" for user in USERS})
    if len(few) > 1:
        everywhere = frozenset(group(name) for name in GROUPS)
        assert not any(acl.allows(Principal(f"{user}@example.com", everywhere)) for user in USERS)


def test_a_user_without_an_address_lets_nobody_in() -> None:
    assert access_list(narrowed([Gate(users=frozenset({"u1"}))]), group, {}) == AccessList()
    assert access_list(narrowed([NOBODY, Gate(everyone=True)]), group, {}) == AccessList()


def test_a_group_that_is_named_like_a_joint_one_counts_for_nothing() -> None:
    gates = frozenset({Gate(groups=frozenset({"a"})), Gate(groups=frozenset({"b"}))})
    forged = Gate(groups=frozenset({joint_group(gates)}))
    assert joint_group(gates).startswith(ALL_OF)
    assert access_list(frozenset({forged}), group, {}) == AccessList()
