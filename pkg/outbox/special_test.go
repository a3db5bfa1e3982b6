package outbox_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/outbox"
)

// registries are IANA's special-purpose address registries (IPv4 and IPv6, as of 2025), and the unallocated and
// deprecated ranges. They also contain the ways to write an IPv4 address as an IPv6 one.
var registries = []string{
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24",
	"192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
	"198.51.100.0/24",
	"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32",
	"::/128", "::1/128", "::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64",
	"2001::/23", "2001::/32",
	"2001:1::1/128", "2001:1::2/128", "2001:1::3/128", "2001:2::/48", "2001:3::/32", "2001:4:112::/48", "2001:10::/28",
	"2001:20::/28",
	"2001:30::/28", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7",
	"fe80::/10", "fec0::/10", "ff00::/8",
	"::ffff:10.0.0.0/104", "::ffff:127.0.0.0/104", "::ffff:169.254.0.0/112",
}

// Proves that no address of a special-purpose range is dialled, neither the first nor the last of each range. Addresses
// just outside the private ranges are dialled.
func TestSpecialAddresses(t *testing.T) {
	t.Parallel()
	for _, text := range registries {
		p := netip.MustParsePrefix(text)
		for _, ip := range []netip.Addr{p.Addr(), lastOf(p)} {
			if !outbox.IsLocal(ip.String()) {
				t.Errorf("%s of %s is dialled", ip, text)
			}
		}
	}
	for host, local := range map[string]bool{
		"::127.0.0.1": true, "::10.1.2.3": true, "::ffff:0:127.0.0.1": true, "64:ff9b:1::a00:1": true,
		"64:ff9b:1:7f00:0:100::":        true,
		"2001:0:53aa:64c:0:0:80ff:fffe": true, "fec0::1": true, "fec0::1%eth0": true, "2002:7f00:1::": true,
		"2002:c0a8:101::1": true,
		"LOCALHOST":        true, "localhost.": true, "a.LocalHost.": true,
		"9.255.255.255": false, "11.0.0.0": false, "100.63.255.255": false, "100.128.0.0": false,
		"172.15.255.255": false, "172.32.0.0": false,
		"198.17.255.255": false, "198.20.0.0": false, "223.255.255.255": false, "::ffff:93.184.215.14": false,
		"2001:200::1":          false,
		"2001:4860:4860::8888": false, "2003::1": false, "2a00:1450:4001:80b::200e": false,
		"127.1": true, "2130706433": true, "0177.0.0.1": true, "017700000001": true, "0x7f000001": true, "0x": true,
		"0X7F.0.0.1": true, "0": true, "1.2.3.4.5": true, "256.1.1.1": true, "127.0.0.1.": true, "127。0。0。1": true,
		"①②⑦.⓪.⓪.①": true, "ＬＯＣＡＬＨＯＳＴ": true, "8.8.8.8": false, "8.8.8.8.": false, "1.example.com": false,
		"x1": false, "bücher.example": false, "0x.example": false,
		"localhost.example.com": false, "notlocalhost": false,
	} {
		if got := outbox.IsLocal(host); got != local {
			t.Errorf("%s: local is %v", host, got)
		}
	}
}

// lastOf returns the last address of a range.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 1 << (7 - bit%8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

// Proves that an endpoint is refused when it is added if nothing can be sent to its address. An address with or without
// a port is accepted.
func TestEndpointAddresses(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		strict := outbox.NewPost(o.db, false)
		for address, code := range map[string]billing.Code{
			"https://example.com:0/hooks": billing.EInvalid, "https://example.com:65536/": billing.EInvalid,
			"https://example.com:99999/":                billing.EInvalid,
			"https://example.com:00000/":                billing.EInvalid,
			"https://example.com:18446744073709551617/": billing.EInvalid,
			"https://[::127.0.0.1]/":                    billing.EInvalid, "https://[64:ff9b:1::1]/": billing.EInvalid,
			"https://[2001:0:53aa:64c::1]/": billing.EInvalid,
			"https://[fec0::1]:8443/":       billing.EInvalid, "https://localhost./": billing.EInvalid,
			"https://example.com:1/": "", "https://example.com:65535/": "", "https://example.com/": "",
			"https://[2a00:1450:4001:80b::200e]:8443/": "",
		} {
			if _, err := strict.Add(context.Background(), "",
				outbox.Endpoint{URL: address}); billing.CodeOf(err) != code {
				t.Errorf("%s: got %v, want %q", address, err, code)
			}
		}
	})
}
