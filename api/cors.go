package api

import (
	"maps"
	"slices"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/pointsync/pointsync/pkg/billing"
)

const requestIDHeader = "X-Request-Id" // every request may have it, and every response has it

// announcing are the headers that would announce the end of an operation (docs/guides/versions.md). No operation has
// them yet. Scripts may read them from the first version on, so that a page that is built today notices them.
var announcing = []string{"Deprecation", "Link", "Sunset"}

// crossOrigin lets pages of the allowed origins call every operation. The contract decides which methods and headers a
// browser may send, and which response headers a script may read. So an operation that is added to the contract works
// from a page at once.
func crossOrigin(contract *contract, origins billing.Origins) echo.MiddlewareFunc {
	methods, sent, shown := contract.crossing()
	return middleware.CORSWithConfig(middleware.CORSConfig{
		AllowOriginFunc: func(origin string) (bool, error) { return origins.Allow(origin), nil },
		AllowMethods:    methods, AllowHeaders: sent, ExposeHeaders: shown, MaxAge: 600,
	})
}

// crossing returns the methods, request headers and response headers of all operations that a browser may call: all but
// Stripe's webhook.
func (c *contract) crossing() (methods, sent, shown []string) {
	method := map[string]bool{}
	request := map[string]bool{requestIDHeader: true}
	answer := map[string]bool{requestIDHeader: true}
	for _, name := range announcing {
		answer[name] = true
	}
	for _, op := range c.operations {
		if op.path == webhookPath {
			continue
		}
		method[op.method] = true
		if !op.public {
			request["Authorization"] = true
		}
		if op.spec.RequestBody != nil {
			request["Content-Type"] = true
		}
		for _, p := range op.spec.Parameters {
			if p.Value.In == "header" {
				request[p.Value.Name] = true
			}
		}
		for _, r := range op.spec.Responses.Map() {
			for name := range r.Value.Headers {
				answer[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(method)), slices.Sorted(maps.Keys(request)), slices.Sorted(maps.Keys(answer))
}
