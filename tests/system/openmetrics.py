# openmetrics: a strict checker of OpenMetrics text
import re

NAME = r'[a-zA-Z_:][a-zA-Z0-9_:]*'
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf'({NAME})(\{{{LABEL}(?:,{LABEL})*\}})? (\d+(?:\.\d+)?)')
META = re.compile(rf'# (TYPE|UNIT|HELP) ({NAME}) (.+)')
SUFFIX = {'counter': '_total', 'gauge': '', 'unknown': ''}


def parse(text):
    """Samples as {'name{labels}': value}; a ValueError names the first line that breaks a rule."""
    lines = text.split('\n')
    if lines[-2:] != ['# EOF', ''] or '# EOF' in lines[:-2]:
        raise ValueError('# EOF is not the end')
    samples, families, family, told, full = {}, {}, None, set(), False
    for line in lines[:-2]:
        meta, sample = META.fullmatch(line), SAMPLE.fullmatch(line)
        if meta:
            kind, name, value = meta.groups()
            if name != family or full:
                if kind != 'TYPE' or name in families:
                    raise ValueError(f'family that begins wrongly or twice: {line}')
                family, told, full = name, set(), False
                families[name] = value
            if kind in told:
                raise ValueError(f'twice: {line}')
            told.add(kind)
            if kind == 'TYPE' and (value not in SUFFIX or name.endswith('_total')):
                raise ValueError(line)
            if kind == 'UNIT' and not name.endswith('_' + value):
                raise ValueError(line)
        elif sample:
            name, labels, value = sample.groups()
            if family is None or name != family + SUFFIX[families[family]]:
                raise ValueError(f'outside of its family: {line}')
            if 'HELP' not in told or family.endswith(('_seconds', '_bytes')) and 'UNIT' not in told:
                raise ValueError(f'without HELP or UNIT: {line}')
            if name + (labels or '') in samples:
                raise ValueError(f'sample twice: {line}')
            samples[name + (labels or '')] = float(value)
            full = True
        else:
            raise ValueError(f'neither a sample nor metadata: {line}')
    return samples
