// Ways to write an address that the control plane must not reach: this machine, the operator's network, and the services
// of clouds that give credentials to whoever asks.

const inner4 = [
  ...[
    "127.0.0.1",
    "127.1.2.3",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.254",
  ],
  ...[
    "192.168.0.1",
    "192.168.255.254",
    "169.254.169.254",
    "169.254.170.2",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
  ],
  ...[
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
  ],
];
const bytesOf = (text: string): readonly number[] => text.split(".").map(Number);
const numberOf = (text: string): number => bytesOf(text).reduce((sum, byte) => sum * 256 + byte, 0);
const hex = (value: number): string => value.toString(16).padStart(2, "0");
const groups = (text: string): string => {
  const [a = 0, b = 0, c = 0, d = 0] = bytesOf(text);
  return `${hex(a)}${hex(b)}:${hex(c)}${hex(d)}`;
};

/** The forms in which programs have read an IPv4 address. */
const forms = (text: string): readonly string[] => {
  const [a = 0, b = 0, c = 0, d = 0] = bytesOf(text);
  const number = numberOf(text);
  return [
    text,
    `${number}`,
    `0x${number.toString(16)}`,
    `0${number.toString(8)}`,
    bytesOf(text)
      .map((byte) => `0x${hex(byte)}`)
      .join("."),
    bytesOf(text)
      .map((byte) => `0${byte.toString(8)}`)
      .join("."),
    `${a}.${b}.${c * 256 + d}`,
    `${a}.${(b * 256 + c) * 256 + d}`,
    `[::ffff:${text}]`,
    `[::ffff:${groups(text)}]`,
    `[0:0:0:0:0:ffff:${groups(text)}]`,
    `[::${text}]`,
    `[::ffff:0:${text}]`,
    `[64:ff9b::${text}]`,
    `[64:ff9b:1::${groups(text)}]`,
    `[2002:${groups(text)}::]`,
    `[2001:0:${groups(text)}::1]`,
    `${text}.`,
  ];
};

const inner6 = [
  "[::]",
  "[::1]",
  "[0:0:0:0:0:0:0:1]",
  "[fc00::1]",
  "[fd00:ec2::254]",
  "[fe80::1]",
  "[fec0::1]",
  "[ff02::1]",
  "[100::1]",
  "[3fff::1]",
  "[2001:db8::1]",
  "[5f00::1]",
];
const names = [
  "localhost",
  "LOCALHOST",
  "localhost.",
  "localhost.localdomain",
  "a.localhost",
  "①②⑦.⓪.⓪.①",
  "127。0。0。1",
  "127%2e0%2e0%2e1",
  "0",
  "127.1",
  "[::ffff:7f00:1%25lo]",
];

/** Some 250 hosts as they may stand in an address. */
export const innerHosts: readonly string[] = [
  ...new Set([
    ...["127.0.0.1", "169.254.169.254", "10.0.0.1"].flatMap(forms),
    ...inner4.flatMap((text) => forms(text).filter((_, at) => at % 2 === 0)),
    ...inner6,
    ...names,
  ]),
];
