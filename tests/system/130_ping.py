# 130_ping: ping nodes by ping, ping6 and ping_group, beside Debian's 3.0.6 with the same ha.cf
import time

from testing import check, equal, note, test

# The lab's client machine answers for all of them, one address each.
GATE, FIRST, SECOND, SIX = '10.77.0.201', '10.77.0.202', '10.77.0.203', 'fd77::201'
LINES = (f'ping {GATE}', f'ping6 {SIX}', f'ping_group pair {FIRST} {SECOND}', 'deadping 1500ms')
PING_NODES = (GATE, SIX, 'pair')


def answer(lab, address, yes=True):
    """Gives the client machine an address, or takes it away: then nothing answers there."""
    bits = '64 nodad' if ':' in address else '32'
    order = f'address add {address}/{bits} dev eth0' if yes else \
        f'address del {address}/{bits.split()[0]} dev eth0'
    lab.client.space.batch([order])


def prepare(lab):
    for host in lab.hosts:
        host.boot()
        host.run('ip', 'address', 'add', f'fd77::{host.number}/64', 'dev', 'eth0', 'nodad',
                 check=True)
    for address in (GATE, FIRST, SECOND, SIX):
        answer(lab, address)
    lab.start()


def states(lab, node):
    return [host.nodestatus(node) for host in lab.hosts]


def became(lab, node, state, limit):
    began = time.monotonic()
    lab.wait(lambda: states(lab, node) == [state] * len(lab.hosts), limit,
             f'{node} to be {state} for all')
    return time.monotonic() - began


def questions():
    """Every question to cl_status that has to do with ping nodes."""
    asked = [['listnodes'], ['listnodes', '-p'], ['listnodes', '-n'], ['listnodes', '-m', '-p'],
             ['nodestatus', 'nobody'], ['nodetype', 'nobody']]
    for node in PING_NODES + ('n1', 'n2'):
        asked += [['nodestatus', node], ['nodestatus', '-m', node], ['nodetype', node],
                  ['nodetype', '-m', node]]
    for node in PING_NODES:
        asked += [['listhblinks', node], ['hblinkstatus', node, node],
                  ['hblinkstatus', node, 'eth0'], ['nodeweight', node]]
    return asked


def same_answers(lab):
    n1, n2 = lab.hosts
    for words in questions():
        ours, theirs = n1.cl_status(*words), n2.cl_status(*words)
        equal((ours.returncode, ours.stdout), (theirs.returncode, theirs.stdout),
              f'cl_status {" ".join(words)}, here and in 3.0.6')


def part_of(verbose, node):
    """The lines of a node in `listnodes -v`."""
    lines = verbose.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f'{node}\t'))
    return lines[start:start + 2]


@test(130, 'ping, ping6 and ping_group: answer, silence and return, told as 3.0.6 tells it',
      limit=120)
def ping_nodes(t):
    with t.lab('ours', 'debian', initdead=15000, extra=LINES) as lab:
        n1, n2 = lab.hosts
        prepare(lab)
        lab.wait(lambda: lab.placement() == {'n1': ['a'], 'n2': ['b']}, 25, 'each its own group')
        for node in PING_NODES:
            became(lab, node, 'ping', 5)
        same_answers(lab)
        for node in PING_NODES:
            equal(part_of(n1.cl_status('listnodes', '-v').stdout, node),
                  part_of(n2.cl_status('listnodes', '-v').stdout, node), f'listnodes -v of {node}')
        for node, address in ((GATE, GATE), (SIX, SIX)):
            answer(lab, address, yes=False)
            note(f'{node}: dead for both after {became(lab, node, "dead", 8):.1f} s')
            lab.wait(lambda: [host.cl_status('hblinkstatus', node, node).stdout.strip()
                              for host in lab.hosts] == ['dead', 'dead'], 5, 'its link to be dead')
            same_answers(lab)
            answer(lab, address)
            note(f'{node}: back for both after {became(lab, node, "ping", 8):.1f} s')
        answer(lab, FIRST, yes=False)
        time.sleep(2)  # longer than deadping: one host of the group is enough
        equal(states(lab, 'pair'), ['ping', 'ping'], 'a group of which one host answers')
        answer(lab, SECOND, yes=False)
        became(lab, 'pair', 'dead', 8)
        same_answers(lab)
        answer(lab, SECOND)
        became(lab, 'pair', 'ping', 8)
        same_answers(lab)
        for node in PING_NODES:
            for line in (f'node {node}: is dead', f'Link {node}:{node} dead.',
                         f'Link {node}:{node} up.', f'Status update for node {node}: status ping'):
                check(n1.log_lines(line), f'our log has "{line}"')
                check(n2.log_lines(line), f'the log of 3.0.6 has "{line}"')
        equal(n2.log_lines('repnodes node list contains'), [], 'complaints about our repnodes')
        equal(lab.placement(), {'n1': ['a'], 'n2': ['b']}, 'a ping node moves nothing by itself')
        for host, other in ((n1, n2), (n2, n1)):
            equal(host.nodestatus(other.name), 'active', f'{other.name} all the while')


@test(131, 'a ping node that never answers delays the start by initdead only; killed children of '
           'its link come back', limit=90)
def silent(t):
    with t.lab(extra=(f'ping {GATE} {FIRST}', 'deadping 1500ms')) as lab:
        n1, _ = lab.hosts
        for host in lab.hosts:
            host.boot()
        answer(lab, FIRST)
        began = time.monotonic()
        lab.start()
        lab.wait_placed(25, n1='a', n2='b')
        waited = time.monotonic() - began
        check(waited > lab.settings.initdead / 1000 - 0.5, f'initdead was waited: {waited:.1f} s')
        equal(states(lab, GATE), ['dead', 'dead'], 'a node that never answered')
        equal(states(lab, FIRST), ['ping', 'ping'], 'the other')
        for half in ('read', 'write'):
            title = f'heartbeat: {half}: ping {FIRST}'
            equal(n1.kill(title), 1, f'processes called {title}')
            lab.wait(lambda: title in n1.processes().values(), 5, f'{title} to come back')
            time.sleep(2)  # longer than deadping
            equal(n1.nodestatus(FIRST), 'ping', f'after a new {half} process')
        equal(n1.log_lines(f'node {FIRST}: is dead'), [], 'false deaths')
        uids = n1.shell("ps -eo user:20=,args= | grep '[h]eartbeat: .*: ping'", check=True).stdout
        for line in uids.splitlines():
            equal(line.split()[0], 'nobody', f'who runs {line}')
