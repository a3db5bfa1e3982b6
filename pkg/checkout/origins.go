package checkout

import (
	"net/url"
	"slices"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Origins are the origins that customers may be sent back to, such as https://app.example.com. The first is the
// default.
type Origins []string

// resolve checks and returns an address that a client names, or returns the default one. Errors: EInvalid.
func (o Origins) resolve(pointer, address, fallback string) (string, error) {
	if address == "" {
		return o[0] + fallback, nil
	}
	u, err := url.Parse(address)
	switch {
	case err != nil, u.Host == "", u.User != nil, u.Opaque != "":
		return "", billing.Invalid(pointer, "is not a full address such as https://app.example.com/paid")
	case !slices.Contains(o, u.Scheme+"://"+u.Host):
		return "", billing.Invalid(pointer, "its origin %s://%s is not one that the operator allows", u.Scheme, u.Host)
	}
	return address, nil
}
