# 250_witness: partitions with a third party that says who may serve: ping hosts, and a real etcd
import os
import subprocess
import tempfile
import time

import peer
from hosts import bound
from lab import VIP1, VIP2
from testing import check, equal, note, test

GATE = '10.77.0.201'
ETCD = '10.77.0.200'
LEASE = 2  # seconds; for a dead time of a second


def make_certificates(folder):
    """An authority, and what it signed for the server and for the nodes."""
    def openssl(*words):
        subprocess.run(['openssl', *words], check=True, capture_output=True, cwd=folder)
    curve = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes')
    openssl('req', '-x509', *curve, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '30',
            '-subj', '/CN=lab authority')
    for name in ('server', 'client'):
        openssl('req', *curve, '-keyout', f'{name}.key', '-out', f'{name}.csr',
                '-subj', f'/CN={name}')
        with open(f'{folder}/{name}.ext', 'w', encoding='ascii') as file:
            file.write(f'subjectAltName=IP:{ETCD}\nextendedKeyUsage=serverAuth,clientAuth\n')
        openssl('x509', '-req', '-in', f'{name}.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key',
                '-CAcreateserial', '-days', '30', '-extfile', f'{name}.ext',
                '-out', f'{name}.pem')


class Etcd:
    """Debian's etcd on the lab's client machine, which both nodes reach over the first link."""

    def __init__(self, lab, certificates=None):
        self.folder = tempfile.TemporaryDirectory(dir=lab.folder)
        url = f'{"https" if certificates else "http"}://{ETCD}:2379'
        command = [f'{peer.fetch_etcd()}/usr/bin/etcd', '--data-dir', self.folder.name,
                   '--listen-client-urls', url, '--advertise-client-urls', url,
                   '--listen-peer-urls', f'http://{ETCD}:2380',
                   '--initial-advertise-peer-urls', f'http://{ETCD}:2380',
                   '--initial-cluster', f'default=http://{ETCD}:2380', '--logger', 'zap']
        trust = ''
        if certificates:
            command += ['--cert-file', f'{certificates}/server.pem',
                        '--key-file', f'{certificates}/server.key',
                        '--trusted-ca-file', f'{certificates}/ca.pem', '--client-cert-auth']
            trust = (f'c = ssl.create_default_context(cafile="{certificates}/ca.pem"); '
                     f'c.load_cert_chain("{certificates}/client.pem", '
                     f'"{certificates}/client.key"); ')
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(bound(lab.client.space.enter(command)),
                                        stdin=subprocess.DEVNULL, stdout=self.output,
                                        stderr=self.output,
                                        env={**os.environ, 'ETCD_UNSUPPORTED_ARCH': 'arm64'})
        ask = ['python3', '-c', f'import ssl, urllib.request as u; c = None; {trust}'
               f'u.urlopen("{url}/health", timeout=1, context=c).read()']
        lab.wait(lambda: subprocess.run(lab.client.space.enter(ask), capture_output=True,
                                        check=False).returncode == 0, 20, 'etcd to serve')
        lab._open.append(self)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.output.close()


def has_witness(host):
    told = [line for line in host.log().splitlines()
            if 'This node has the witness' in line or 'The witness is lost' in line]
    return bool(told) and 'has the witness' in told[-1]


def owner(lab):
    """Name of the one node that has the witness."""
    found = [host.name for host in lab.hosts if host.powered and has_witness(host)]
    return found[0] if len(found) == 1 else None


def started(lab, limit=20):
    lab.start()
    lab.wait_placed(limit, n1='a', n2='b')
    lab.wait_settled(limit)


@test(250, 'witness ping: an isolated node lets go, the other one takes over; then both agree',
      limit=90)
def isolated(t):
    with t.lab(auto_failback='off', extra=(f'witness ping {GATE}',)) as lab:
        n1, n2 = lab.hosts
        lab.client.space.batch([f'address add {GATE}/24 dev eth0'])
        started(lab)
        for host in lab.hosts:
            lab.wait(lambda: host.log_lines('This node has the witness'), 5, 'the witness')
        for link in lab.links:
            link.cut(n1)
        lab.wait(lambda: n1.service_addresses() == [] and n1.resources() == [], 10,
                 'the isolated node to let go')
        lab.wait(lambda: n2.resources() == ['a', 'b'], 10, 'the other node to take over')
        # Neither took what the other still had: the scripts wrote down when they ran.
        stopped = [at for at, name, op in n1.resource_log() if (name, op) == ('a', 'stop')][-1]
        taken = [at for at, name, op in n2.resource_log() if (name, op) == ('a', 'start')][-1]
        check(stopped < taken, f'n1 stopped a at {stopped}, n2 started it at {taken}')
        for link in lab.links:
            link.heal(n1)
        lab.wait_placed(20, n1='', n2='ab')
        lab.wait_settled(20, n1='none', n2='all')
        note(f'let go {taken - stopped:.2f} s before it was taken')


@test(251, 'witness etcd: no heartbeat passes, all reach etcd: one serves everything, never two',
      limit=120)
def divided(t):
    with t.lab(auto_failback='off', relayed=True, extra=(f'witness etcd http://{ETCD}:2379',)) as lab:
        Etcd(lab)
        started(lab)
        probes = [lab.client.probe(address) for address in (VIP1, VIP2)]
        lab.wait(lambda: owner(lab), 10, 'one node to have the lease')
        winner = lab.hosts[0] if owner(lab) == 'n1' else lab.hosts[1]
        loser = lab.hosts[1 - lab.hosts.index(winner)]
        for link in lab.links:
            link.harm_only_heartbeats()
            link.policy(loss=1)
        began = time.monotonic()
        lab.wait(lambda: loser.resources() == [] and loser.service_addresses() == [], 15,
                 'the side without the lease to let go')
        lab.wait(lambda: winner.resources() == ['a', 'b'], 15, 'the side with it to take all')
        note(f'all is on {winner.name} after {time.monotonic() - began:.1f} s '
             f'(deadtime 1 s, lease {LEASE} s)')
        for link in lab.links:
            link.policy()
        placed = {winner.name: 'ab', loser.name: ''}
        lab.wait_placed(20, **placed)
        lab.wait_settled(20, **{winner.name: 'all', loser.name: 'none'})
        for probe in probes:
            equal(probe.events('two owners'), [], 'two owners')


@test(252, 'witness etcd: the owner of the lease loses it, or dies: the other one follows it',
      limit=120)
def lease_lost(t):
    with t.lab(auto_failback='off', extra=(f'witness etcd http://{ETCD}:2379',)) as lab:
        etcd = Etcd(lab)
        started(lab)
        lab.wait(lambda: owner(lab), 10, 'one node to have the lease')
        winner = lab.hosts[0] if owner(lab) == 'n1' else lab.hosts[1]
        loser = lab.hosts[1 - lab.hosts.index(winner)]
        for link in lab.links:
            link.cut(winner)
        lab.wait(lambda: winner.resources() == [], 15, 'the cut-off owner to let go')
        lab.wait(lambda: loser.resources() == ['a', 'b'], 15, 'the other one to take all')
        mine = 'a' if winner.name == 'n1' else 'b'
        stopped = [at for at, name, op in winner.resource_log() if (name, op) == (mine, 'stop')]
        taken = [at for at, name, op in loser.resource_log() if (name, op) == (mine, 'start')]
        check(stopped[-1] < taken[-1], f'stopped at {stopped[-1]}, started at {taken[-1]}')
        for link in lab.links:
            link.heal(winner)
        lab.wait_placed(20, **{loser.name: 'ab', winner.name: ''})
        lab.wait_settled(20, **{loser.name: 'all', winner.name: 'none'})
        # Without etcd nothing happens as long as the nodes hear each other.
        etcd.close()
        time.sleep(2 * LEASE)
        equal(lab.placement(), {winner.name: [], loser.name: ['a', 'b']}, 'without etcd')
        check(loser.log_lines('the witness does not answer'), 'the log tells that etcd is gone')


@test(253, 'witness etcd over TLS with certificates, witness_release: slow stops stay one owner',
      limit=120)
def secured(t):
    release = 4
    with tempfile.TemporaryDirectory() as folder:
        make_certificates(folder)
        files = [f'/etc/ha.d/witness-{name}' for name in ('ca.pem', 'client.pem', 'client.key')]
        with t.lab(auto_failback='off',
                   extra=(f'witness etcd https://{ETCD}:2379', f'witness_tls {" ".join(files)}',
                          f'witness_release {release}')) as lab:
            Etcd(lab, certificates=folder)
            for host in lab.hosts:
                for file in files:
                    with open(f'{folder}/{file.rpartition("witness-")[2]}', encoding='ascii') as text:
                        host.write(file, text.read(), mode=0o600)
                for name in 'ab':
                    host.write(f'/etc/tres/{name}.stop', 'sleep 3\n')
            started(lab)
            lab.wait(lambda: owner(lab), 10, 'one node to have the lease')
            winner = lab.hosts[0] if owner(lab) == 'n1' else lab.hosts[1]
            loser = lab.hosts[1 - lab.hosts.index(winner)]
            for link in lab.links:
                link.cut(winner)
            lab.wait(lambda: loser.resources() == ['a', 'b'], 30, 'the other one to take all')
            mine = 'a' if winner.name == 'n1' else 'b'
            stopped = [at for at, name, op in winner.resource_log() if (name, op) == (mine, 'stop')]
            taken = [at for at, name, op in loser.resource_log() if (name, op) == (mine, 'start')]
            check(stopped[-1] + 3 < taken[-1],
                  f'its stop of 3 s began at {stopped[-1]}, the other start at {taken[-1]}')
