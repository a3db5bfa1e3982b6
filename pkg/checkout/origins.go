package checkout

import (
	"net/url"

	"github.com/pointsync/pointsync/pkg/billing"
)

// resolve checks and returns an address that a client names, or returns the default one. Errors: EInvalid.
func resolve(allowed billing.Origins, pointer, address, fallback string) (string, error) {
	if address == "" {
		return allowed[0] + fallback, nil
	}
	u, err := url.Parse(address)
	switch {
	case err != nil, u.Host == "", u.User != nil, u.Opaque != "":
		return "", billing.Invalid(pointer, "is not a full address such as https://app.example.com/paid")
	case !allowed.Allow(u.Scheme + "://" + u.Host):
		return "", billing.Invalid(pointer, "its origin %s://%s is not one that the operator allows", u.Scheme, u.Host)
	}
	return address, nil
}
