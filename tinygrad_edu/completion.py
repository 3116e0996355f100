"""What a shell completes on the command line, written from the parser."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

__all__ = ["SHELLS", "completion"]

_BASH = """\
_tinygrad_edu() {{
  local words="{first}"
  if (( COMP_CWORD > 1 )); then
    case "${{COMP_WORDS[1]}}" in
{cases}
      *) words="" ;;
    esac
  fi
  COMPREPLY=( $(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}") )
}}
complete -o default -F _tinygrad_edu tinygrad-edu"""

_ZSH = """\
#compdef tinygrad-edu
_tinygrad_edu() {{
  local -a found=({first})
  if (( CURRENT > 2 )); then
    found=()
    case "${{words[2]}}" in
{cases}
    esac
  fi
  compadd -a found || _files
}}
compdef _tinygrad_edu tinygrad-edu"""


def completion(
    shell: str,
    parser: argparse.ArgumentParser,
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    names: Mapping[str, Sequence[str]],
) -> str:
    """Write the script that makes a shell complete commands, options and names.

    Parameters
    ----------
    shell : str
        One of `SHELLS`.
    parser : argparse.ArgumentParser
        Of the command line.
    commands : action of argparse
        What its sub-commands were added to.
    names : mapping of str to sequence of str
        What a command can be told by position.

    Returns
    -------
    str
        To be read by the shell as it starts.
    """
    helps = {each.dest: each.help or "" for each in commands._choices_actions}
    words = {
        command: [*names.get(command, ()), *_options(own)]
        for command, own in commands.choices.items()
    }
    first = " ".join([*words, *_options(parser)])
    if shell == "fish":
        return "\n".join(_fish(commands.choices, helps, names))
    form, case = (_BASH, '{}) words="{}" ;;') if shell == "bash" else (_ZSH, "{}) found=({}) ;;")
    cases = [f"      {case.format(command, ' '.join(each))}" for command, each in words.items()]
    return form.format(first=first, cases="\n".join(cases))


#: For which there is a script.
SHELLS = ("bash", "zsh", "fish")


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return [option for option in parser._option_string_actions if option.startswith("--")]


def _fish(
    parsers: Mapping[str, argparse.ArgumentParser],
    helps: Mapping[str, str],
    names: Mapping[str, Sequence[str]],
) -> list[str]:
    lines = []
    for command, parser in parsers.items():
        start = "complete -c tinygrad-edu -n"
        lines.append(f"{start} __fish_use_subcommand -f -a {command} -d {_quoted(helps[command])}")
        within = f"{start} '__fish_seen_subcommand_from {command}'"
        if command in names:
            lines.append(f"{within} -a '{' '.join(names[command])}'")
        for action in parser._actions:
            for option in action.option_strings:
                if option.startswith("--"):
                    lines.append(f"{within} -l {option[2:]} -d {_quoted(action.help or '')}")
    return lines


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
