# wire: a small decoder of heartbeat's packets (netstring and text framing) and of capture files
import hashlib
import hmac
import struct

DIGESTS = {'md5': hashlib.md5, 'sha1': hashlib.sha1, 'sha256': hashlib.sha256}


class Malformed(ValueError):
    """The bytes are no message."""


class Packet(dict):
    """First value of each field by name, as text (bytes for binary fields).

    Beside the fields: `fields` = all (name, type, value) in order, `trailer` = (key id, digest) or
    None, `raw` = the datagram; for captured ones `time`, `source` and `target` addresses.
    """
    fields = ()
    trailer = None
    signed = b''
    raw = b''
    time = 0.0
    source = target = ''

    def signed_by(self, method, key):
        """True if the netstring trailer was made with this method and key."""
        return self.trailer is not None and hmac.compare_digest(
            self.trailer[1], hmac.new(key.encode(), self.signed, DIGESTS[method]).hexdigest())


def decode(data):
    """One datagram to a Packet; raises Malformed."""
    if data.startswith(b'###\n'):
        return _netstring(data)
    if data.startswith(b'>>>\n'):
        return _text(data)
    raise Malformed('neither framing')


def _packet(fields, data):
    packet = Packet()
    for name, kind, value in fields:
        if name not in packet:
            packet[name] = value.decode('utf-8', 'replace') if kind == 0 else value
    packet.fields, packet.raw = tuple(fields), data
    return packet


def _item(data, at):
    """Length, content and end of `LEN:CONTENT,` at an offset."""
    colon = data.find(b':', at, at + 8)
    if colon < 0 or not data[at:colon].isdigit():
        raise Malformed(f'no length at {at}')
    end = colon + 1 + int(data[at:colon])
    if data[end:end + 1] != b',':
        raise Malformed(f'no comma at {end}')
    return data[colon + 1:end], end + 1


def _netstring(data):
    at, fields = 4, []
    while not data.startswith(b'%%%\n', at):
        content, at = _item(data, at)
        if len(content) < 4 or content[:1] != b'(' or content[2:3] != b')' or b'=' not in content:
            raise Malformed(f'bad field {content[:20]!r}')
        name, value = content[3:].split(b'=', 1)
        fields.append((name.decode('utf-8', 'replace'), int(content[1:2]), value))
    packet = _packet(fields, data)
    end = at + 4
    packet.signed = data[:end]
    if end < len(data):
        content, _ = _item(data, end)
        key, _, digest = content.decode('ascii', 'replace').partition(' ')
        packet.trailer = (key, digest)
    return packet


def _text(data):
    fields = []
    for line in data[4:].split(b'\n'):
        if line == b'<<<':
            return _packet(fields, data)
        kind = 0
        if line[:1] == b'(' and line[2:3] == b')':
            kind, line = int(line[1:2]), line[3:]
        name, equals, value = line.partition(b'=')
        if not equals:
            raise Malformed(f'bad line {line[:20]!r}')
        fields.append((name.decode('utf-8', 'replace'), kind, value.replace(b'\x13', b'\n')))
    raise Malformed('no end')


def encode(fields, method='sha1', key='a-secret-of-the-lab', key_id='1'):
    """(name, type, value) fields to a signed netstring datagram."""
    body = b'###\n'
    for name, kind, value in fields:
        value = value if isinstance(value, bytes) else str(value).encode()
        item = b'(%d)%s=%s' % (kind, name.encode(), value)
        body += b'%d:%s,' % (len(item), item)
    body += b'%%%\n'
    digest = f'{key_id} {hmac.new(key.encode(), body, DIGESTS[method]).hexdigest()}'.encode()
    return body + b'%d:%s,' % (len(digest), digest)


def read_capture(path, port=694):
    """The heartbeat packets of a pcap file of an Ethernet interface, in order."""
    with open(path, 'rb') as file:
        data = file.read()
    packets, at = [], 24
    if len(data) < at:
        return packets
    order = '<' if data[:4] in (b'\xd4\xc3\xb2\xa1', b'\x4d\x3c\xb2\xa1') else '>'
    fraction = 1e-9 if b'\x3c' in data[:4] else 1e-6
    while at + 16 <= len(data):
        seconds, part, size, _ = struct.unpack_from(order + 'IIII', data, at)
        frame = data[at + 16:at + 16 + size]
        at += 16 + size
        if len(frame) < 42 or frame[12:14] != b'\x08\x00' or frame[23] != 17:
            continue
        udp = 14 + 4 * (frame[14] & 15)
        if struct.unpack_from('>H', frame, udp + 2)[0] != port:
            continue
        length = struct.unpack_from('>H', frame, udp + 4)[0]
        try:
            packet = decode(frame[udp + 8:udp + length])
        except Malformed:
            packet = Packet()
            packet.raw = frame[udp + 8:udp + length]
        packet.time = seconds + part * fraction
        packet.source = '.'.join(str(b) for b in frame[26:30])
        packet.target = '.'.join(str(b) for b in frame[30:34])
        packets.append(packet)
    return packets
