package sandbox

import (
	"net/http"
	"strings"
)

// authenticate returns the API key of a request. It accepts any test key, because the sandbox has one account.
func authenticate(r *http.Request) (string, *apiError) {
	refuse := func(message string) (string, *apiError) {
		return "", &apiError{status: http.StatusUnauthorized, Type: "invalid_request_error", Message: message}
	}
	key, _, basic := r.BasicAuth()
	if !basic {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return refuse("You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). " +
				"See https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/.")
		}
		key = strings.TrimSpace(token)
	}
	switch {
	case strings.HasPrefix(key, "sk_live_"), strings.HasPrefix(key, "rk_live_"):
		return refuse(
			"This is a local sandbox: a live key has no business here. Use a test key such as sk_test_sandbox, and roll the live key if it was sent by mistake.",
		)
	case strings.HasPrefix(key, "sk_test_") && len(key) > len("sk_test_"), strings.HasPrefix(key, "rk_test_") &&
		len(key) > len("rk_test_"):
		return key, nil
	}
	return refuse("Invalid API Key provided: " + masked(key))
}

func masked(key string) string {
	if len(key) <= 12 {
		return strings.Repeat("*", len(key))
	}
	return key[:8] + strings.Repeat("*", min(len(key)-12, 24)) + key[len(key)-4:]
}
