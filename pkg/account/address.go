package account

import (
	"context"
	"net/netip"

	"github.com/pointsync/pointsync/pkg/billing"
)

// networkBits is how much of an IPv6 address names a customer of a provider. The rest is theirs to choose: one home has
// 2^64 addresses.
const networkBits = 64

// WithAddress returns a context for a request that comes from a network address, such as 203.0.113.9. A text that is no
// address is ignored. What comes without an address, such as a command, is not throttled by address.
func WithAddress(ctx context.Context, address string) context.Context {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return ctx
	}
	return billing.WithAddress(ctx, sharedAddress(ip))
}

// addressOf returns what limits go by: the IPv4 address, or the network of the IPv6 address. It is "" if there is none.
func addressOf(ctx context.Context) string { return billing.AddressOf(ctx) }

// sharedAddress returns the part of an address that one party has alone.
func sharedAddress(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, networkBits).Masked().String()
}
