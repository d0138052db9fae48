import { BlockList, isIP } from "node:net";

/** Why an address, port or URL must not be called; `null` when it may. */
export interface AddressRefusal {
  /** `ADDRESS_FORBIDDEN`, `PORT_FORBIDDEN`, `SCHEME_FORBIDDEN`, `CREDENTIALS_FORBIDDEN`, `URL_INVALID`. */
  readonly code: string;
  readonly message: string;
}

export interface AddressPolicy {
  /** Before anything else: scheme, credentials, port, and the host when it is an address. */
  checkUrl(url: URL): AddressRefusal | null;
  /** At connection time, for the address that is really used. */
  checkAddress(address: string): AddressRefusal | null;
}

export interface AddressPolicyOptions {
  /** Every address is allowed, and plain http: for a demo on one machine. */
  readonly allowPrivate: boolean;
  readonly allowHttp: boolean;
  /** Networks (`10.1.0.0/16`, `fd00::/8`) that are allowed although they are private: for self-hosters. */
  readonly allowed: readonly string[];
}

/** Ranges that no public receiver has: IANA's special-purpose registries for IPv4 and IPv6, multicast and reserved space. */
const forbidden4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  // Alibaba's metadata service lies in CGNAT space above; Azure's wire server is a public address.
  "168.63.129.16/32",
];
const forbidden6 = [
  "::/128",
  "::1/128",
  // IPv4-compatible, IPv4-translated, NAT64, discard, Teredo, ORCHID, documentation, 6to4: a tunnel to an address that is not looked at.
  "::/96",
  "::ffff:0:0:0/96",
  "64:ff9b::/96",
  "64:ff9b:1::/48",
  "100::/64",
  "100:0:0:1::/64",
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20",
  "5f00::/16",
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
];

/** Ports below 1024 other than 80 and 443, and those that browsers refuse: mail, chat and name services are not webhook receivers. */
const forbiddenPorts = new Set([
  1_719, 1_720, 1_723, 2_049, 3_659, 4_045, 4_190, 5_060, 5_061, 6_000, 6_379, 6_566, 6_665, 6_666, 6_667,
  6_668, 6_669, 6_679, 6_697, 10_080, 11_211,
]);

/**
 * Which addresses a webhook may be sent to (SSRF guard). Pure; it resolves nothing.
 * @throws RangeError when an allowed network cannot be read.
 */
export function createAddressPolicy(options: AddressPolicyOptions): AddressPolicy {
  const forbidden = networks([...forbidden4, ...forbidden6]);
  const allowed = networks(options.allowed);
  const httpAllowed = options.allowHttp || options.allowPrivate;

  function checkAddress(address: string): AddressRefusal | null {
    const bare = unmapped(address.startsWith("[") ? address.slice(1, -1) : address);
    const family = isIP(bare);
    if (family === 0) return { code: "ADDRESS_FORBIDDEN", message: `${address} is not an address` };
    if (options.allowPrivate) return null;
    const kind = family === 6 ? "ipv6" : "ipv4";
    if (allowed.check(bare, kind)) return null;
    if (!forbidden.check(bare, kind)) return null;
    return { code: "ADDRESS_FORBIDDEN", message: `${address} is not a public address` };
  }

  return {
    checkAddress,
    checkUrl(url) {
      const secure = url.protocol === "https:";
      if (!secure && !(url.protocol === "http:" && httpAllowed)) {
        return { code: "SCHEME_FORBIDDEN", message: `${url.protocol}// is not allowed: use https://` };
      }
      if (url.username !== "" || url.password !== "") {
        return { code: "CREDENTIALS_FORBIDDEN", message: "a URL must not carry a user or password" };
      }
      const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
      if (!options.allowPrivate && !portAllowed(port)) {
        return { code: "PORT_FORBIDDEN", message: `port ${port} is not one of a webhook receiver` };
      }
      const host = url.hostname;
      const literal = host.startsWith("[") || isIP(host) !== 0;
      return literal ? checkAddress(host) : null;
    },
  };
}

function portAllowed(port: number): boolean {
  if (port < 1_024) return port === 80 || port === 443;
  return !forbiddenPorts.has(port);
}

/** `::ffff:10.0.0.1` reaches 10.0.0.1: it is judged as that. */
function unmapped(address: string): string {
  const bare = address.split("%")[0] ?? address;
  if (isIP(bare) !== 6) return bare;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare);
  if (mapped?.[1] !== undefined) return mapped[1];
  const canonical = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  const hex = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (hex === null) return canonical;
  const high = Number.parseInt(hex[1] ?? "0", 16);
  const low = Number.parseInt(hex[2] ?? "0", 16);
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

function networks(list: readonly string[]): BlockList {
  const blocks = new BlockList();
  for (const network of list) {
    const [address = "", bits] = network.split("/");
    const family = isIP(address);
    const prefix = bits === undefined ? (family === 6 ? 128 : 32) : Number(bits);
    const wide = family === 6 ? 128 : 32;
    if (family === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > wide) {
      throw new RangeError(`${network} is not a network: expected an address and a prefix, as 10.0.0.0/8`);
    }
    blocks.addSubnet(address, prefix, family === 6 ? "ipv6" : "ipv4");
  }
  return blocks;
}
