# 300_operator: what cl_status tells programs and people: json, metrics, why
import json
import os
import re
import signal

import openmetrics
from testing import check, equal, test

ALERTS = os.path.join(os.path.dirname(__file__), '../../docs/monitoring/alerts.yml')


def metrics(host):
    done = host.run('cl_status', 'metrics', check=True)
    try:
        return openmetrics.parse(done.stdout)
    except ValueError as error:
        check(False, f'{error}\n{done.stdout}')


def state(host):
    done = host.run('cl_status', 'json')
    return done.returncode, json.loads(done.stdout)


def why(host, *words):
    done = host.run('cl_status', 'why', *words)
    return done.returncode, done.stdout + done.stderr


@test(300, 'cl_status json, metrics and why: a takeover, a daemon that died, none at all', limit=60)
def operator(t):
    with t.lab() as lab:
        n1, n2 = lab.hosts
        lab.start()
        lab.wait_placed(t.pace(10, 25), n1='a', n2='b')
        lab.wait_settled(t.pace(8, 15))
        healthy(n1)
        alerts(n1)
        n1.power_off()
        lab.wait_placed(20, n2='ab')
        lab.wait(lambda: 'takeover complete' in why(n2)[1], 10, 'why to tell of a takeover')
        takeover(n2)
        equal(metrics(n2)['heartbeat_node_active{node="n1",type="normal"}'], 0, 'n1 is active')
        dead_daemon(lab, n2)


def healthy(n1):
    code, told = state(n1)
    equal((code, told['daemon'], told['node'], told['maintenance']), (0, 'running', 'n1', False),
          'daemon')
    equal([node['status'] for node in told['nodes']], ['active', 'active'], 'nodes')
    equal([group['owner'] for group in told['groups']], ['n1', 'n2'], 'owners')
    check(0 <= told['age'] < 10, told['age'])
    samples = metrics(n1)
    equal(samples['heartbeat_up'], 1, 'up')
    equal(samples['heartbeat_group_held_here{group="Tres::a"}'], 1, 'a is here')
    equal(samples['heartbeat_group_failed{group="Tres::a"}'], 0, 'a failed')
    check(samples['heartbeat_frames_in_total'] > 0, 'no frames came')
    check('heartbeat_node_last_heard_age_seconds{node="n2"}' in samples, 'no age of n2')


def alerts(host):
    """Each metric of the alert rules is one that is told."""
    told = {name.split('{')[0] for name in metrics(host)}
    with open(ALERTS, encoding='utf-8') as file:
        used = set(re.findall(r'heartbeat_[a-z_]+', ' '.join(
            line for line in file if 'expr:' in line)))
    check(len(used) >= 5 and used <= told, f'{used - told} are not told')


def takeover(n2):
    for words in ((), ('last',), ('n1',), ('Tres::a',)):
        code, text = why(n2, *words)
        equal(code, 0, text)
        for part in ('The last move, as n2 saw it', 'node n1: is dead', 'Tres::a: start: exit code 0'):
            check(part in text, f'{part} in {text}')
    code, text = why(n2, 'Tres::a', '--json')
    told = json.loads(text)
    equal((code, told['moved'], told['daemon']), (0, True, 'running'), 'as JSON')
    check('verdict' in [step['step'] for step in told['steps']], text)
    equal(why(n2, 'nosuch')[0], 11, 'neither group nor node')


def dead_daemon(lab, n2):
    """The master and its runner are killed: the board stays, and so does the story."""
    n2.kill('heartbeat: master', signal.SIGSTOP)  # it would start another runner
    n2.kill('heartbeat: runner')
    n2.kill('heartbeat: master')
    lab.wait(lambda: state(n2)[1]['daemon'] == 'ended', 10, 'the daemon to be ended')
    equal(state(n2)[0], 1, 'exit code of json')
    equal(metrics(n2), {'heartbeat_up': 0}, 'metrics without a daemon')
    code, text = why(n2)
    equal(code, 0, text)
    check('The daemon of n2 has ended' in text and 'node n1: is dead' in text, text)
    n2.start()
    lab.wait(lambda: state(n2)[0] == 0, 10, 'the daemon to run again')
    code, text = why(n2, 'n1')
    check('node n1: is dead' in text, f'the new daemon does not know: {text}')
