package outbox

import (
	"net/netip"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// unicast6 is the part of IPv6 that is given to networks of the internet (IANA, Internet Protocol Version 6 Address
// Space). All addresses outside it are refused: this machine, link-local, site-local (fec0::/10), private, multicast,
// and the many ways to write an IPv4 address as an IPv6 one (::127.0.0.1, ::ffff:0:127.0.0.1, 64:ff9b::/96,
// 64:ff9b:1::/48).
var unicast6 = netip.MustParsePrefix("2000::/3")

// special are the ranges that do not belong to the internet although they look like it, with the RFC that took each
// out. They are from IANA's IPv4 and IPv6 Special-Purpose Address Registries. The ranges that lead to IPv4 addresses
// are here too.
var special = prefixes(
	"0.0.0.0/8",         // RFC 791: this network
	"10.0.0.0/8",        // RFC 1918: private
	"100.64.0.0/10",     // RFC 6598: shared by customers of a carrier
	"127.0.0.0/8",       // RFC 1122: this machine
	"169.254.0.0/16",    // RFC 3927: link-local, and the metadata of clouds
	"172.16.0.0/12",     // RFC 1918: private
	"192.0.0.0/24",      // RFC 6890: protocol assignments
	"192.0.2.0/24",      // RFC 5737: documentation
	"192.31.196.0/24",   // RFC 7535: AS112, a sink for DNS
	"192.52.193.0/24",   // RFC 7450: AMT, relays of multicast
	"192.88.99.0/24",    // RFC 7526: 6to4 relays, deprecated
	"192.168.0.0/16",    // RFC 1918: private
	"192.175.48.0/24",   // RFC 7534: AS112, a sink for DNS
	"198.18.0.0/15",     // RFC 2544: benchmarks
	"198.51.100.0/24",   // RFC 5737: documentation
	"203.0.113.0/24",    // RFC 5737: documentation
	"224.0.0.0/4",       // RFC 5771: multicast
	"240.0.0.0/4",       // RFC 1112: reserved, and the broadcast address
	"2001::/23",         // RFC 2928: protocol assignments, with Teredo (2001::/32), benchmarks and ORCHID
	"2001:db8::/32",     // RFC 3849: documentation
	"2002::/16",         // RFC 3056: 6to4, which leads to any IPv4 address
	"2620:4f:8000::/48", // RFC 7534: AS112, a sink for DNS
	"3fff::/20",         // RFC 9637: documentation
)

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// isLocal reports whether a host is this machine, or an address of a private or special network. It does not look up
// names.
func isLocal(host string) bool {
	name := strings.ToLower(strings.TrimSuffix(asciiOf(host), "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	if err != nil {
		return endsInNumber(name)
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() && !unicast6.Contains(ip) {
		return true
	}
	for _, p := range special {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// asciiOf returns a host as DNS has it: 127。0。0。1 and ①②⑦.⓪.⓪.① are 127.0.0.1. The client that sends does the same.
func asciiOf(host string) string {
	if ascii, err := idna.Lookup.ToASCII(host); err == nil && !isASCII(host) {
		return ascii
	}
	return host
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// endsInNumber reports whether a host that is no address in the usual form is one in an old form: 127.1, 2130706433,
// 0177.0.0.1 and 0x7f000001 are all 127.0.0.1 to some resolvers. No name ends in a number, because no top-level domain
// is one.
func endsInNumber(name string) bool {
	last := name[strings.LastIndex(name, ".")+1:]
	digits := "0123456789"
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		last, digits = hex, "0123456789abcdef"
	}
	return strings.Trim(last, digits) == "" && !strings.HasSuffix(name, ".")
}
