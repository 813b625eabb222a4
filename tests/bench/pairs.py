# pairs: what a node costs and how fast it takes over, measured alike on either program
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'system'))
sys.dont_write_bytecode = True

import wire  # noqa: E402
from configuration import VIP1  # noqa: E402
from hosts import execute  # noqa: E402
from lab import Lab  # noqa: E402

ONE_GROUP = (('n1', f'IPaddr2::{VIP1}/24/eth0'),)
QUESTIONS = 300
# frames in all, frames at once, seconds between: one by one, and as a busy network delivers them
PACED, BURSTS = (8000, 1, 0.0005), (40000, 50, 0.005)

# Runs in the sender's host: reads hex datagrams, sends so many at each time, prints how many.
SENDER = r'''import socket,sys,time
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET,6,1)
frames=[bytes.fromhex(l) for l in sys.stdin]; burst,pause=int(sys.argv[1]),float(sys.argv[2])
at=time.monotonic()
for i in range(0,len(frames),burst):
    at+=pause
    while time.monotonic()<at: time.sleep(max(0,at-time.monotonic()))
    for f in frames[i:i+burst]: s.sendto(f,('10.77.0.255',694))
print(len(frames))'''
# Sends a question, waits for the next datagram of n1 with the answer's type; prints microseconds.
ASKER = r'''import socket,sys,time
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET,6,1)
r=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); r.bind(('',694)); r.settimeout(1)
for l in sys.stdin:
    start=time.perf_counter_ns(); s.sendto(bytes.fromhex(l),('10.77.0.255',694))
    try:
        while True:
            d=r.recv(65536)
            if b't=repnodes,' in d and b'src=n1,' in d: break
        print((time.perf_counter_ns()-start)/1000)
    except TimeoutError: print('lost')
    time.sleep(0.005)'''


def cluster(program, **settings):
    """A running pair that has placed its address on n1."""
    lab = Lab((program, program), **settings)
    try:
        lab.start()
        lab.wait(lambda: VIP1 in lab.hosts[0].service_addresses(), 30, 'n1 to hold its address')
    except BaseException:
        lab.close()
        raise
    return lab


def cpu_ns(host):
    """Nanoseconds on a processor so far of each heartbeat process, by title."""
    found = {}
    for pid, title in host.processes().items():
        text = host.read(f'/proc/{pid}/schedstat')
        if text:
            found[f'{pid} {title}'] = int(text.split()[0])
    return found


def spent(before, after):
    """Nanoseconds between two cpu_ns(): of the master, and of all."""
    used = {key: value - before.get(key, 0) for key, value in after.items()}
    return sum(v for k, v in used.items() if 'master control' in k), sum(used.values())


def memory(host):
    """PSS in KiB of each heartbeat process."""
    return {title: int(next(line.split()[1] for line in
                            host.read(f'/proc/{pid}/smaps_rollup').splitlines()
                            if line.startswith('Pss:')))
            for pid, title in host.processes().items()}


def takeover(program, deadtime, keepalive):
    """Milliseconds of the service gap after a power-off of n1, as a client sees it."""
    with cluster(program, groups=ONE_GROUP, deadtime=deadtime, keepalive=keepalive,
                 warntime=max(deadtime * 2 // 3, keepalive),
                 initdead=max(4000, 2 * deadtime)) as lab:
        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, lab.hosts[0], 5)
        time.sleep(1)
        cut = lab.hosts[0].power_off()
        lab.wait_answer(probe, lab.hosts[1], deadtime / 1000 + 10)
        return probe.longest_gap(cut - 0.1)


def standby(program):
    """Milliseconds without service while n1 hands its address to n2 (hb_standby)."""
    with cluster(program, groups=ONE_GROUP) as lab:
        n1, n2 = lab.hosts
        lab.wait(lambda: n1.rscstatus() in ('all', 'local'), 20, 'n1 to be settled')
        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, n1, 5)
        time.sleep(0.5)
        since = time.time()
        n1.standby('all')
        lab.wait_answer(probe, n2, 20)
        time.sleep(0.5)
        return probe.longest_gap(since)


def twenty(program):
    """Milliseconds from the earliest possible verdict until all of 20 addresses answer at n2."""
    deadtime, keepalive = 1000, 20
    addresses = [f'10.77.0.{100 + i}' for i in range(20)]
    groups = tuple(('n1', f'IPaddr2::{address}/24/eth0') for address in addresses)
    with cluster(program, groups=groups, deadtime=deadtime, keepalive=keepalive) as lab:
        n1, n2 = lab.hosts
        lab.wait(lambda: len(n1.service_addresses()) == 20, 30, 'n1 to hold 20 addresses')
        probes = [lab.client.probe(address, 4000) for address in addresses]
        for probe in probes:
            lab.wait_answer(probe, n1, 10)
        time.sleep(0.5)
        cut = n1.power_off()
        for probe in probes:
            lab.wait_answer(probe, n2, 20)
        ends = [gap['at'] + gap['ms'] / 1000 for probe in probes
                for gap in probe.gaps(100) if gap['at'] > cut - 0.5]

        # The deadline counts from the last beat, which was at most one keepalive before the cut.
        return (max(ends) - cut) * 1000 - (deadtime - keepalive)


def footprint(program, seconds, busy_seconds):
    """Memory, processes, CPU a minute at keepalive 10 ms, then deaths with all cores busy."""
    with cluster(program, groups=ONE_GROUP, keepalive=10, deadtime=30, warntime=20) as lab:
        n1, n2 = lab.hosts
        time.sleep(2)
        before, start = cpu_ns(n1), time.monotonic()
        time.sleep(seconds)
        after, took = cpu_ns(n1), time.monotonic() - start
        pss = memory(n1)
        master, everything = spent(before, after)
        deaths = len(n1.log_lines('is dead') + n2.log_lines('is dead'))
        loops = [subprocess.Popen(['nice', '-n', '19', 'sh', '-c', 'while :; do :; done'])
                 for _ in range(os.cpu_count() or 1)]
        try:
            time.sleep(busy_seconds)
        finally:
            for loop in loops:
                loop.kill()
                loop.wait()
        late = len(n1.log_lines('is dead') + n2.log_lines('is dead')) - deaths
        return {'pss_mib': sum(pss.values()) / 1024, 'processes': len(pss), 'each': pss,
                'cpu_minute': everything / 1e9 * 60 / took, 'idle_deaths': deaths,
                'busy_deaths': late}


def template(lab):
    """A status frame of n2 as it was on the wire."""
    packets = lab.capture(lab.hosts[1])
    lab.wait(lambda: packets.packets(t='status', src='n2'), 5, 'a status frame of n2')
    return packets.packets(t='status', src='n2')[-1]


def numbered(packet, first, count, kind='status'):
    """Signed frames of the next life of n2, in order."""
    life = int(packet['hg'], 16) + 1
    frames = []
    for number in range(first, first + count):
        change = {'seq': f'{number:x}', 'hg': f'{life:x}', 'ts': f'{int(time.time()):x}',
                  't': kind}
        frames.append(wire.encode([(n, k, change.get(n, v)) for n, k, v in packet.fields]))
    return frames


def received(host):
    """Datagrams taken from UDP sockets so far, and those lost to full buffers."""
    rows = [r.split() for r in host.run('cat', '/proc/net/snmp').stdout.splitlines() if r.startswith('Udp:')]
    counters = dict(zip(rows[0][1:], rows[1][1:]))
    return int(counters['InDatagrams']), int(counters['RcvbufErrors'])


def frames(program):
    """Microseconds of CPU for a received frame, and the time from a question to its answer."""
    with cluster(program, groups=ONE_GROUP, msgfmt='netstring', keepalive=1000, deadtime=20000,
                 initdead=40000, warntime=10000) as lab:
        n1, n2 = lab.hosts
        packet = template(lab)
        n2.reset()  # from here on the bench speaks for it
        result, number = {}, 1
        for name, (count, burst, pause) in (('paced', PACED), ('bursts', BURSTS)):
            lines = ''.join(f.hex() + '\n' for f in numbered(packet, number, count))
            number += count
            before, got = cpu_ns(n1), received(n1)
            execute(n2.enter(['python3', '-c', SENDER, str(burst), str(pause)]), text=lines,
                    timeout=60, check=True)
            time.sleep(0.2)
            master, everything = spent(before, cpu_ns(n1))
            taken = received(n1)
            # Each is charged for what it really took in: 3.0.6 loses many to full buffers.
            arrived = max(1, taken[0] - got[0])
            result |= {f'{name}_master_us': master / 1000 / arrived,
                       f'{name}_all_us': everything / 1000 / arrived,
                       f'{name}_lost': 100 * (taken[1] - got[1]) / count}
        lines = ''.join(f.hex() + '\n'
                        for f in numbered(packet, number, QUESTIONS, 'reqnodes'))
        answers = execute(n2.enter(['python3', '-c', ASKER]), text=lines, timeout=50,
                          check=True).stdout.split()
        times = sorted(float(a) for a in answers if a != 'lost')
        return result | {'p50': times[len(times) // 2] if times else None,
                         'p99': times[int(len(times) * 0.99)] if times else None}
