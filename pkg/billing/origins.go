package billing

import (
	"net/url"
	"slices"
	"strings"
)

// Origins are the origins of pages that may call the API, and that customers may be sent back to, such as
// https://app.example.com. The first is the default. One that ends in ":*" stands for every port of its host.
type Origins []string

// AnyPort ends an origin that stands for every port of its host.
const AnyPort = ":*"

// Allow reports whether an origin is among them.
func (o Origins) Allow(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || origin != u.Scheme+"://"+u.Host || strings.HasSuffix(origin, ":") {
		return false
	}
	everyPort := u.Scheme + "://" + strings.TrimSuffix(u.Host, ":"+u.Port()) + AnyPort
	return slices.Contains(o, origin) || slices.Contains(o, everyPort)
}
