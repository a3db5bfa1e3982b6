package api

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/labstack/echo/v4"
)

// TestAddressFrom proves that a client cannot choose the address that limits go by. Only what a trusted proxy wrote
// counts, read from the right.
func TestAddressFrom(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	for name, c := range map[string]struct {
		proxies   []netip.Prefix
		peer      string
		forwarded []string
		want      string
	}{
		"NoProxies":           {nil, "203.0.113.1:5", []string{"198.51.100.7"}, "203.0.113.1"},
		"NoProxiesPrivate":    {nil, "10.1.2.3:5", []string{"198.51.100.7"}, "10.1.2.3"},
		"NotAProxy":           {proxies, "203.0.113.1:5", []string{"198.51.100.7"}, "203.0.113.1"},
		"NoHeader":            {proxies, "10.1.2.3:5", nil, "10.1.2.3"},
		"OneProxy":            {proxies, "10.1.2.3:5", []string{"198.51.100.7"}, "198.51.100.7"},
		"TwoProxies":          {proxies, "10.1.2.3:5", []string{"198.51.100.7, 10.9.9.9"}, "198.51.100.7"},
		"TwoHeaders":          {proxies, "10.1.2.3:5", []string{"198.51.100.7", "10.9.9.9"}, "198.51.100.7"},
		"ClientWroteToo":      {proxies, "10.1.2.3:5", []string{"192.0.2.1, 198.51.100.7"}, "198.51.100.7"},
		"ClientWroteAProxy":   {proxies, "10.1.2.3:5", []string{"10.7.7.7, 198.51.100.7"}, "198.51.100.7"},
		"ClientWroteNonsense": {proxies, "10.1.2.3:5", []string{"<x>, 198.51.100.7"}, "198.51.100.7"},
		"ProxyWroteNonsense":  {proxies, "10.1.2.3:5", []string{"198.51.100.7, unknown"}, "10.1.2.3"},
		"IPv6":                {proxies, "[2001:db8::1]:5", []string{"2001:0db9:0:0::7"}, "2001:db9::7"},
		"LoopbackIsNoProxy":   {proxies, "127.0.0.1:5", []string{"198.51.100.7"}, "127.0.0.1"},
		"PrivateIsNoProxy":    {proxies, "192.168.0.1:5", []string{"198.51.100.7"}, "192.168.0.1"},
		"OnlyProxies":         {proxies, "10.1.2.3:5", []string{"10.5.5.5, 10.6.6.6"}, "10.5.5.5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &http.Request{RemoteAddr: c.peer, Header: http.Header{}}
			for _, v := range c.forwarded {
				r.Header.Add(echo.HeaderXForwardedFor, v)
			}
			if got := addressFrom(c.proxies)(r); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
