import { expect, test } from "vitest";
import { createAddressPolicy } from "./address-policy.ts";

const strict = createAddressPolicy({ allowPrivate: false, allowHttp: false, allowed: [] });

/** First, last and one address inside of each range that no public receiver has. */
const forbidden = `
  0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 100.100.100.200
  127.0.0.1 127.255.255.255 169.254.169.254 169.254.0.0 172.16.0.0 172.31.255.255
  192.0.0.1 192.0.2.1 192.88.99.1 192.168.0.0 192.168.255.255 198.18.0.0 198.19.255.255
  198.51.100.7 203.0.113.255 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 168.63.129.16
  :: ::1 ::10.0.0.1 ::ffff:10.0.0.1 ::ffff:a00:1 ::ffff:7f00:1 64:ff9b::a00:1 64:ff9b:1::1 100::1
  2001::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 3fff::1 fc00::1 fdff:ffff::1 fe80::1 fe80::1%eth0
  febf::1 fec0::1 ff02::1 5f00::1 ::ffff:0:a00:1`;
const fine = `
  1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
  172.15.255.255 172.32.0.0 192.167.255.255 198.17.255.255 198.20.0.0 223.255.255.255
  2606:4700:4700::1111 2a00:1450::1 ::ffff:1.1.1.1 ::ffff:808:808`;
const listed = (text: string) => text.trim().split(/\s+/);

test.each(listed(forbidden))("%s is not called", (address) => {
  expect(strict.checkAddress(address)).toMatchObject({ code: "ADDRESS_FORBIDDEN" });
  const host = address.includes(":") ? `[${address.split("%")[0]}]` : address;
  expect(strict.checkUrl(new URL(`https://${host}/`))).not.toBeNull();
});

test.each(listed(fine))("%s may be called", (address) => {
  expect(strict.checkAddress(address)).toBeNull();
});

test("what is no address at all is refused", () => {
  for (const nonsense of ["", "localhost", "1.2.3", "1.2.3.4.5", ":::"]) {
    expect(strict.checkAddress(nonsense), nonsense).not.toBeNull();
  }
});

test("a URL is refused for its scheme, its credentials or its port", () => {
  const codeOf = (url: string, policy = strict) => policy.checkUrl(new URL(url))?.code ?? null;
  expect(codeOf("https://example.org/hook")).toBeNull();
  expect(codeOf("https://example.org:8443/hook")).toBeNull();
  expect(codeOf("http://example.org/")).toBe("SCHEME_FORBIDDEN");
  expect(codeOf("ftp://example.org/")).toBe("SCHEME_FORBIDDEN");
  expect(codeOf("https://user@example.org/")).toBe("CREDENTIALS_FORBIDDEN");
  for (const port of [22, 25, 1_023, 6_379, 11_211]) {
    expect(codeOf(`https://example.org:${port}/`), String(port)).toBe("PORT_FORBIDDEN");
  }
  // How browsers write it is not how it is judged.
  for (const host of ["0x7f.1", "0177.0.0.1", "2130706433", "127.1"]) {
    expect(codeOf(`https://${host}/`), host).toBe("ADDRESS_FORBIDDEN");
  }
});

test("a self-hoster's networks are allowed, and only those", () => {
  const policy = createAddressPolicy({
    allowPrivate: false,
    allowHttp: true,
    allowed: ["10.1.0.0/16", "fd00:1::/32", "192.168.1.7"],
  });
  for (const address of ["10.1.2.3", "fd00:1::5", "192.168.1.7", "::ffff:10.1.0.1"])
    expect(policy.checkAddress(address), address).toBeNull();
  for (const address of ["10.2.0.1", "fd00:2::5", "192.168.1.8"])
    expect(policy.checkAddress(address), address).not.toBeNull();
  expect(policy.checkUrl(new URL("http://10.1.2.3:8080/"))).toBeNull();
});

test("a network that cannot be read is a RangeError that names it", () => {
  for (const network of ["10.0.0.0/33", "10.0.0/8", "example.org", "fd00::/129", "10.0.0.0/x"]) {
    expect(
      () => createAddressPolicy({ allowPrivate: false, allowHttp: false, allowed: [network] }),
      network,
    ).toThrow(network);
  }
});
