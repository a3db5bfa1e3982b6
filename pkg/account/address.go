package account

import (
	"context"
	"net/netip"
)

// networkBits is how much of an IPv6 address names a customer of a provider. The rest is theirs to choose: one home has
// 2^64 addresses.
const networkBits = 64

// addressKey is the key of the address in a context.
type addressKey struct{}

// WithAddress returns a context for a request that comes from a network address, such as 203.0.113.9. A text that is no
// address is ignored. What comes without an address, such as a command, is not throttled by address.
func WithAddress(ctx context.Context, address string) context.Context {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, addressKey{}, sharedAddress(ip))
}

// addressOf returns what limits go by: the IPv4 address, or the network of the IPv6 address. It is "" if there is none.
func addressOf(ctx context.Context) string {
	address, _ := ctx.Value(addressKey{}).(string)
	return address
}

// sharedAddress returns the part of an address that one party has alone.
func sharedAddress(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, networkBits).Masked().String()
}
