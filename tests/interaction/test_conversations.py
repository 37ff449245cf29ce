"""Every conversation reads as its golden file says; ``UPDATE_GOLDEN=1`` rewrites the files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nodes.bugs import BUGS
from nodes.wal import Wal
from tests.interaction.driver import Conversation, Script, ScriptError

FILES = sorted((Path(__file__).parent / "conversations").glob("*.txt"))
SCRIPTS = [Script(path) for path in FILES]
BUGGY = [script for script in SCRIPTS if script.bug]


def name(script):
    return script.path.stem


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_conversation(script):
    expected = script.render()
    if os.environ.get("UPDATE_GOLDEN"):
        script.path.write_text(expected)
    else:
        assert script.text == expected


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_a_conversation_says_what_it_shows_and_cites_its_section(script):
    assert script.blocks[0].prose, "the first block is prose"
    assert "ection" in " ".join(script.blocks[0].prose)


@pytest.mark.parametrize("script", BUGGY, ids=name)
def test_a_removed_guard_changes_the_conversation(script):
    assert script.play(None) != script.play(script.bug)


def test_every_planted_bug_has_a_conversation():
    of_cores = {name for name, bug in BUGS.items() if bug.log is Wal}
    assert {script.bug for script in BUGGY} == of_cores


def test_there_are_enough_conversations():
    assert len(SCRIPTS) >= 10


def test_a_changed_line_is_noticed(tmp_path):
    script = SCRIPTS[0]
    changed = tmp_path / "changed.txt"
    changed.write_text(script.text.replace("holds until #1", "says at once", 1))
    assert Script(changed).text != Script(changed).render()
    changed.write_text(script.text)
    assert Script(changed).text == Script(changed).render()


def test_an_unknown_command_and_a_node_that_is_down_are_refused():
    conversation = Conversation()
    conversation.do("nodes 3")
    with pytest.raises(ScriptError, match="unknown command: tickle n0"):
        conversation.do("tickle n0")
    conversation.do("kill n0")
    with pytest.raises(ScriptError, match="n0 is not up"):
        conversation.do("timer n0 election")
