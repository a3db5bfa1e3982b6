package config

import (
	"net/netip"
	"strings"
)

// Proxies returns the networks of the trusted proxies, which Load has checked.
func (c *Config) Proxies() []netip.Prefix {
	networks := make([]netip.Prefix, 0, len(c.TrustedProxies))
	for _, text := range c.TrustedProxies {
		if n, err := parseNetwork(text); err == nil {
			networks = append(networks, n)
		}
	}
	return networks
}

func (c *Config) checkProxies(p *problems) {
	for _, text := range c.TrustedProxies {
		switch n, err := parseNetwork(text); {
		case err != nil:
			p.add("POINTSYNC_TRUSTED_PROXIES holds %q, which is not a network such as 10.0.0.0/8 or 2001:db8::/32", text)
		case n.Bits() == 0:
			p.add("POINTSYNC_TRUSTED_PROXIES holds %q, which is every address: anyone could then choose theirs", text)
		}
	}
}

// parseNetwork reads a network, such as 10.0.0.0/8, or one address.
func parseNetwork(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	ip, err := netip.ParseAddr(text)
	if err != nil || ip.Zone() != "" {
		return netip.ParsePrefix(text) // for its error
	}
	return netip.PrefixFrom(ip, ip.BitLen()), nil
}
