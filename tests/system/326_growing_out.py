# 326_growing_out: haresources2cib: Pacemaker and corosync take what it writes, and place alike
import random
import re
import shlex
import xml.etree.ElementTree as ElementTree

import peer
from testing import check, equal, note, test

HA_CF = '''deadtime 10
keepalive 1
{links}
auto_failback {failback}
node n1 n2
{extra}
'''
RESOURCES = '''# a cluster as they are
n1 IPaddr2::10.77.0.100/24/eth0:web Filesystem::/dev/vg/www::/srv/www::ext4 Tres::a::b'c&d
n2 IPaddr::10.77.0.101/255.255.255.0/eth0/10.77.0.255 \\
   MailTo::root@localhost::"x<y>" apache::/etc/apache2/apache2.conf
N1 10.77.0.102 cron OCF::pacemaker:Dummy::fake=a=b&c OCF::nginx
n2 drbddisk::r0 Filesystem::/dev/drbd0::/srv/db::xfs IPv6addr::2001:db8::1/64/eth1 unknown-thing
'''
UCAST = 'ucast eth0 10.77.0.1\nucast eth0 10.77.0.2\nbcast eth1'


def hosts(context):
    """A lab of which n1 has Pacemaker's tools, installed nowhere else."""
    lab = context.lab('ours', 'ours', media=('ucast', 'bcast'))
    try:
        root = peer.fetch_pacemaker()
        n1 = lab.hosts[0]
        n1.boot()
        n1.plant_tree(f'{root}/usr', '/usr')
        n1.plant_tree(f'{root}/etc', '/etc')
        n1.plant_tree(f'{root}/var', '/var')
        n1.run('ldconfig', check=True)
        n1.shell('mkdir -p /etc/corosync /etc/ha.d/resource.d; '
                 'head -c 256 /dev/urandom > /etc/corosync/authkey', check=True)
        return lab, n1
    except BaseException:
        lab.close()
        raise


def convert(host, *arguments):
    """Runs it on /root/c; returns exit code, CIB (parsed, None if none), corosync.conf, stderr."""
    host.shell('rm -rf /root/out; mkdir /root/out', check=True)
    done = host.run('haresources2cib', '-c', '/root/c', '-o', '/root/out/cib.xml', '--corosync',
                    '/root/out/corosync.conf', '--wrappers', '/root/out', *arguments)
    text = host.read('/root/out/cib.xml')
    tree = ElementTree.fromstring(text.encode()) if text else None
    return done.returncode, tree, host.read('/root/out/corosync.conf'), done.stderr


def values(tree, identifier):
    """The instance attributes of a primitive."""
    found = tree.find(f".//primitive[@id='{identifier}']/instance_attributes")
    return {pair.get('name'): pair.get('value') for pair in found}


def placed(host, *options):
    """Where crm_simulate puts each primitive of a group: {primitive: node}."""
    done = host.run('crm_simulate', '-x', '/root/out/cib.xml', '-S', '-q', '1', *options,
                    check=True)
    end = done.stdout.split('Revised Cluster Status:')[1]
    return dict(re.findall(r'\* (\S+)\s+\((?:ocf|lsb|systemd)\S+\):\s+Started (\S+)', end))


def verify(host):
    """What crm_verify says of it while both nodes are there."""
    host.run('crm_simulate', '-x', '/root/out/cib.xml', '-q', '1', '-u', 'n1', '-u', 'n2',
             '--save-input', '/root/out/live.xml', check=True)
    done = host.run('crm_verify', '-V', '-x', '/root/out/live.xml')
    return done.returncode, (done.stdout + done.stderr).strip()


def write_files(host, resources, failback='on', links=UCAST, extra=''):
    host.write('/root/c/ha.cf', HA_CF.format(links=links, failback=failback, extra=extra))
    host.write('/root/c/haresources', resources)


@test(326, 'growing out: Pacemaker accepts the CIB and places every group as haresources does',
      limit=150)
def accepted(context):
    lab, n1 = hosts(context)
    with lab:
        # an agent of the site: the device that fences n1, five seconds later than others
        write_files(n1, 'n1 10.77.0.100\n', extra='fence_agent n1 fence_mine ip=10.0.0.1 password=a<b\n'
                    'fence_delay n1 5')
        n1.write('/usr/sbin/fence_mine', '#!/bin/sh\n', 0o755)
        _, tree, _, said = convert(n1)
        equal(values(tree, 'fence_mine-n1'), {
            'ip': '10.0.0.1', 'password': 'a<b', 'pcmk_host_list': 'n1',
            'pcmk_reboot_timeout': '60s', 'pcmk_delay_base': '5s'}, f'fence_agent: {said}')
        equal(verify(n1), (0, ''), 'crm_verify with a fence agent')

        write_files(n1, RESOURCES)
        n1.write('/root/c/haresources.options', 'resource cron monitor 30s start_timeout 90\n'
                 'group 10.77.0.102 failure_limit 2\n')
        n1.write('/root/c/resource.d/Tres', '#!/bin/sh\n', 0o755)
        code, tree, corosync, said = convert(n1, '-a', 'n2/eth1=10.77.1.2')
        equal(code, 3, f'exit code: {said}')
        for name in ('Tres::a', 'drbddisk', 'unknown-thing'):
            check(name in said, f'a note about {name}: {said}')
        bare = n1.run('crm_verify', '-V', '-x', '/root/out/cib.xml')
        equal((bare.returncode, bare.stdout + bare.stderr), (0, ''), 'crm_verify of the file')
        equal(verify(n1), (0, ''), 'crm_verify with both nodes up')
        first = {'ip-10.77.0.100': 'n1', 'fs-_srv_www': 'n1', 'ha-Tres-a-b_c_d': 'n1',
                 'ip-10.77.0.101': 'n2', 'mail-root_localhost': 'n2',
                 'apache-_etc_apache2_apache2.conf': 'n2', 'ip-10.77.0.102': 'n1', 'cron': 'n1',
                 'Dummy': 'n1', 'nginx': 'n1',
                 'fs-_srv_db': 'n2', 'ip-2001_db8__1': 'n2', 'unknown-thing': 'n2'}
        both = placed(n1, '-u', 'n1', '-u', 'n2')
        equal(both, first, 'placement with both nodes')
        equal(set(placed(n1, '-u', 'n2').values()), {'n2'}, 'placement without n1')
        equal([[p.get('id') for p in group.findall('primitive')] for group in tree.iter('group')][1],
              ['ip-10.77.0.101', 'mail-root_localhost', 'apache-_etc_apache2_apache2.conf'],
              'order in the group')
        equal(values(tree, 'ip-10.77.0.100'), {'ip': '10.77.0.100', 'cidr_netmask': '24',
                                               'nic': 'eth0', 'iflabel': 'web'}, 'IPaddr2')
        equal(values(tree, 'ip-10.77.0.101')['cidr_netmask'], '24', 'a dotted mask')
        equal(values(tree, 'mail-root_localhost')['subject'], '"x<y>"', 'metacharacters')
        equal(values(tree, 'Dummy'), {'fake': 'a=b&c'}, 'an agent by its name')
        operations = {op.get('name'): op for op in tree.find(".//primitive[@id='cron']/operations")}
        equal((operations['monitor'].get('interval'), operations['start'].get('timeout')),
              ('30s', '90s'), 'haresources.options')
        check('migration-threshold' in ElementTree.tostring(tree).decode(), 'failure_limit')

        # own address by this host, the other ucast line is the other node's; one was told
        for line in ('ring0_addr: 10.77.0.1', 'ring0_addr: 10.77.0.2', 'ring1_addr: 10.77.1.1',
                     'ring1_addr: 10.77.1.2', 'two_node: 1', 'token: 10000'):
            check(f'  {line}\n' in corosync, f'{line} in\n{corosync}')
        done = n1.run('corosync', '-c', '/root/out/corosync.conf', '-t')
        equal(done.returncode, 0, f'corosync -t: {done.stderr}')
        # What nobody told is refused by corosync, and named.
        code, _, corosync, said = convert(n1)
        check('UNKNOWN-n2-eth1' in corosync and '-a n2/eth1=' in said, said)
        check(n1.run('corosync', '-c', '/root/out/corosync.conf', '-t').returncode != 0,
              'corosync refuses an unknown address')

        # The wrapper is a script that calls the resource script with its arguments.
        script = n1.read('/root/out/ha-Tres-a-b_c_d')
        n1.write('/etc/ha.d/resource.d/Tres', '#!/bin/sh\nprintf "%s." "$@"; echo; '
                 'echo running\n', 0o755)
        n1.write('/root/out/w', script, 0o755)
        equal(n1.run('/root/out/w', 'start').stdout.splitlines()[0], "a.b'c&d.start.", 'wrapper')
        equal(n1.run('/root/out/w', 'status').returncode, 0, 'status of what runs')
        n1.write('/etc/ha.d/resource.d/Tres', '#!/bin/sh\necho stopped\n', 0o755)
        equal(n1.run('/root/out/w', 'status').returncode, 3, 'status of what is stopped')

        # auto_failback off: who runs, stays; fencing: both devices, each used by its own node
        fencing = ('stonith_host n1 external/ipmi n2 10.0.0.2 admin p<&>w lan\n'
                   'stonith_host n2 external/ipmi n1 10.0.0.1 admin secret lan')
        write_files(n1, 'n1 10.77.0.100 cron\n', 'off', extra=fencing)
        n1.shell('rm /root/c/haresources.options')
        code, tree, _, said = convert(n1, '-a', 'n2/eth1=10.77.1.2')
        equal(verify(n1), (0, ''), 'crm_verify with fencing')
        equal(values(tree, 'fence-external_ipmi')['passwd'], 'p<&>w', 'a password')
        equal(tree.find(".//nvpair[@name='stonith-enabled']").get('value'), 'true', 'fencing')
        equal(n1.shell('stat -c %a /root/out/cib.xml').stdout.strip(), '600', 'mode: passwords')
        n1.run('crm_simulate', '-x', '/root/out/cib.xml', '-S', '-q', '1', '-u', 'n2',
               '--save-output', '/root/out/moved.xml', check=True)
        n1.shell('mv /root/out/moved.xml /root/out/cib.xml', check=True)
        equal(placed(n1, '-u', 'n1')['cron'], 'n2', 'off: the group stays where it is')


# ---- whatever haresources holds

WORDS = ('apache', 'IPaddr2::10.0.0.{n}/24/eth0', '10.1.0.{n}', 'Filesystem::/dev/x{n}::/m<{n}>',
         'MailTo::a&b::c"d\'e', 'drbddisk::r{n}', 'drbddisk', 'x-->y', '--', ']]>', '<!--', '&amp;',
         'IPaddr::300.1.1.{n}', 'IPv6addr::fe80::{n}/64', 'Delay::1::2::3::4::5', '$(reboot)', '`id`',
         'a::;rm', '*', '[x]', '?', 'Ünïcode{n}', '日本{n}', '😀', '-o', '0', '9lives', '.', 'a' * 300,
         'b::' + 'c' * 300, 'OCF::x:y::a=<{n}>', 'OCF::/x', 'OCF', '::x', 'x::', '..', 'a/b', "'", '"', '%s%n', '{{}}', '{{0}}', '\\', '\\x',
         'IPaddr2::10.9.0.{n}/255.0.255.0', 'IPaddr2::10.8.0.{n}/24/eth0/10.8.0.255/zz', '#c', 'a#b',
         'group-apache', 'apache-instance_attributes', 'rsc-options', 'xml:id', 'LVM::vg{n}::2')
RAW = (b'\xff', b'\xc0\x80', b'\xed\xa0\x80', b'\xef\xbf\xbe', b'\xf4\x90\x80\x80', b'\x01', b'\x7f',
       b'\xc2', b'\xe2\x82')
FORMS = r'\A[A-Za-z_][A-Za-z0-9._-]*\Z'


def odd_text(dice):
    lines = []
    for _ in range(dice.randrange(1, 6)):
        words = [dice.choice(WORDS).format(n=dice.randrange(1, 250)).encode()
                 for _ in range(dice.randrange(1, 6))]
        if dice.random() < 0.15:
            words[dice.randrange(len(words))] += dice.choice(RAW)
        line = dice.choice((b'n1', b'N2', b'n2', b'n1')) + b' ' + b' '.join(words)
        if dice.random() < 0.2:
            line = line.replace(b' ', b' \\\n ', 1)
        lines.append(line)
    return dice.choice((b'\n', b'\r\n')).join(lines) + b'\n'


@test(327, 'growing out: whatever haresources holds, it is refused or becomes valid XML', limit=150)
def odd(context):
    dice = random.Random(context.seed)
    lab, n1 = hosts(context)
    with lab:
        rounds, script = 300, ['cd /root/odd || exit 1']
        n1.shell('mkdir -p /root/odd', check=True)
        for number in range(rounds):
            folder = f'/root/odd/{number}'
            n1.write(f'{folder}/ha.cf', HA_CF.format(links=UCAST, failback='on', extra=''))
            with open(n1.path(f'{folder}/haresources'), 'wb') as file:
                file.write(odd_text(dice))
            script.append(f'haresources2cib -c {number} -o {number}/cib.xml --corosync '
                          f'{number}/conf > {number}/said 2>&1; echo $? > {number}/code')
        n1.shell('\n'.join(script), timeout=60, check=True)
        written = []
        for number in range(rounds):
            code = int(n1.read(f'/root/odd/{number}/code'))
            text = n1.read(f'/root/odd/{number}/cib.xml')
            said = n1.read(f'/root/odd/{number}/said')
            check(code in (0, 1, 3), f'round {number}: exit {code}: {said}')
            check(bool(text) == (code != 1), f'round {number}: exit {code} and a CIB, or neither')
            check(code == 0 or said, f'round {number}: exit {code} without a word')
            if not text:
                continue
            tree = ElementTree.fromstring(text.encode())
            written.append(number)
            ids = [e.get('id') for e in tree.iter() if e.get('id') and e.tag != 'node']
            equal(len(ids), len(set(ids)), f'round {number}: ids occur once')
            check(all(re.match(FORMS, one) for one in ids), f'round {number}: ids {ids}')
        check(len(written) > rounds / 10, f'{len(written)} of {rounds} became XML')
        note(f'{len(written)} of {rounds} files were good enough to be written')
        chosen = shlex.join(f'/root/odd/{number}/cib.xml' for number in written[:25])
        bad = n1.shell(f'for f in {chosen}; do crm_verify -x $f >/dev/null 2>&1 || echo $f; done',
                       timeout=60).stdout
        equal(bad, '', 'crm_verify of 25 of them')
