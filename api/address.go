package api

import (
	"net"
	"net/netip"

	"github.com/labstack/echo/v4"

	"github.com/pointsync/pointsync/pkg/account"
)

// addressFrom returns how to find a client's address. Without proxies it is the other end of the connection, because
// anyone can write a header. With proxies, X-Forwarded-For is read from its right end, where the nearest proxy has
// written, as long as what is there is a trusted proxy itself. What a client wrote further left is never reached.
func addressFrom(proxies []netip.Prefix) echo.IPExtractor {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range proxies {
		trust = append(trust, echo.TrustIPRange(&net.IPNet{
			IP: p.Masked().Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen()),
		}))
	}
	return echo.ExtractIPFromXFFHeader(trust...)
}

// withAddress tells the packages below where a request comes from, for their limits.
func withAddress(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.SetRequest(c.Request().WithContext(account.WithAddress(c.Request().Context(), c.RealIP())))
		return next(c)
	}
}
