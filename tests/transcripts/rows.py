# rows: runs the transcript rows of one scene with a given cl_status and compares what it prints
"""Usage: rows.py SCENE CL_STATUS [WITHOUT_SETGID] [--wrap COMMAND...]

SCENE names a file cl_status-SCENE.jsonl beside this one. CL_STATUS is asked as the transcripts say;
WITHOUT_SETGID is a copy without the setgid bit, for the rows of refused users (left out without it).
The daemon must be in the scene's state already. --wrap puts a command in front of each, e.g.
"ip netns exec n1".
"""
import json
import os
import re
import shlex
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PREFIX = re.compile(r"^[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d \S+ cl_status: \[\d+\]: ", re.M)
VERSION = re.compile(r"3\.0\.6 \([^()]*\)")

# The original answered this one too late (README of the transcripts); a prompt server says offline.
CORRECTED = {("all-up", ("cl_status", "clientstatus", "n2", "ipfail")): (1, "offline\n", "")}
# With a timeout of 0 the original looks once, and finds an answer only if the daemon was quicker.
PROMPT = {("all-up", ("cl_status", "clientstatus", "n2", "ipfail", timeout)): (1, "offline\n", "")
          for timeout in ("0", "abc")}


def normal(text):
    return VERSION.sub("VERSION", PREFIX.sub("LOG: ", text))


def rows(scene):
    with open(f"{HERE}/cl_status-{scene}.jsonl", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if os.path.basename(row["argv"][0]).startswith(("cl_status", "./cl_status")):
                yield row


def command_of(row, cl_status, without_setgid, haclient):
    """The command line of a row, or None if it cannot be run with what we have."""
    program = cl_status
    prefix = []
    plain = "without_setgid" in row["argv"][0]
    if plain:
        if without_setgid is None:
            return None
        program = without_setgid
    if "as" in row:
        uid, gid = row["as"].split(":")
        # A cl_status that is not installed setgid gets the group from its caller.
        if not plain and haclient is not None:
            gid = haclient
        prefix = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
    elif not plain and haclient is not None:
        prefix = ["setpriv", f"--regid={haclient}", "--clear-groups"]
    return prefix + [program] + row["argv"][1:]


def compare(scene, cl_status, without_setgid=None, haclient=None, wrap=(), environment=None):
    """Runs all rows; returns the list of differences and how many rows were run."""
    differences, count = [], 0
    for row in rows(scene):
        command = command_of(row, cl_status, without_setgid, haclient)
        if command is None or ("-v" in row["argv"] and "ccm membership" in row["stdout"]):
            continue  # the block of ccm, which is no part of heartbeat and came in some runs only
        done = subprocess.run(list(wrap) + command, capture_output=True, text=True, timeout=30,
                              env=environment, check=False)
        wanted = (row["exit"], row["stdout"], row["stderr"])
        asked = (scene, tuple(row["argv"]))
        wanted = CORRECTED.get(asked, wanted)
        wanted = (wanted[0], normal(wanted[1]), normal(wanted[2]))
        got = (done.returncode, normal(done.stdout), normal(done.stderr))
        count += 1
        if got not in (wanted, PROMPT.get(asked)):
            differences.append(f"{scene}: {shlex.join(row['argv'])}\n    wanted {wanted}\n"
                               f"    got    {got}")
    return differences, count


def main():
    arguments = sys.argv[1:]
    wrap = []
    if "--wrap" in arguments:
        at = arguments.index("--wrap")
        wrap = arguments[at + 1:]
        arguments = arguments[:at]
    if len(arguments) not in (2, 3):
        sys.exit(__doc__)
    differences, count = compare(*arguments, wrap=wrap)
    print("\n".join(differences))
    print(f"{arguments[0]}: {count} rows, {len(differences)} differ")
    sys.exit(1 if differences or not count else 0)


if __name__ == "__main__":
    main()
