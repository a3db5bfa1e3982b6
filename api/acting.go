package api

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/metric"
	"github.com/pointsync/pointsync/pkg/token"
)

// The names of the security schemes in openapi.yaml.
const (
	userScheme = "bearer"
	keyScheme  = "serviceKey"
)

// userKey carries the caller's claims in a request's context, and serviceKeyKey the caller's service key. A request has
// one of the two, unless its operation has `security: []`.
type (
	userKey       struct{}
	serviceKeyKey struct{}
)

// caller returns the claims of the user who calls. Only an operation that takes users alone may ask.
func caller(ctx context.Context) token.Claims { return ctx.Value(userKey{}).(token.Claims) }

// service returns the key of the service that calls. Only an operation that takes service keys alone may ask.
func service(ctx context.Context) billing.ServiceKey {
	return ctx.Value(serviceKeyKey{}).(billing.ServiceKey)
}

// admin returns who calls an operation of admins.
func admin(ctx context.Context) billing.AdminID {
	if k, ok := ctx.Value(serviceKeyKey{}).(billing.ServiceKey); ok {
		return billing.AdminID(k.ID)
	}
	return billing.AdminID(caller(ctx).Account)
}

// withCaller returns a context that carries the caller: token.Claims or a billing.ServiceKey.
func withCaller(ctx context.Context, who any) context.Context {
	if k, ok := who.(billing.ServiceKey); ok {
		return context.WithValue(ctx, serviceKeyKey{}, k)
	}
	return context.WithValue(ctx, userKey{}, who)
}

// readSchemes reads from the contract who may call an operation. A mistake there must not open an operation, so it
// stops the server from starting.
func (op *operation) readSchemes() error {
	security := op.doc.Security
	if op.spec.Security != nil {
		security = *op.spec.Security
	}
	op.public = len(security) == 0
	keys := false
	for _, requirement := range security {
		for scheme := range requirement {
			switch scheme {
			case userScheme:
				op.users = true
			case keyScheme:
				keys = true
			default:
				return fmt.Errorf("api: %s takes the unknown scheme %s", op.spec.OperationID, scheme)
			}
		}
	}
	scopes, err := readScopes(op.spec)
	if err == nil && keys != (len(scopes) > 0) {
		err = fmt.Errorf("api: %s must have x-scope exactly if it takes a service key", op.spec.OperationID)
	}
	op.scopes = scopes
	return err
}

// readScopes reads x-scope: one scope, or a list of which a key needs one.
func readScopes(spec *openapi3.Operation) (scopes []billing.Scope, err error) {
	given := spec.Extensions["x-scope"]
	list, ok := given.([]any)
	if !ok && given != nil {
		list = []any{given}
	}
	for _, one := range list {
		text, _ := one.(string)
		if !slices.Contains(billing.Scopes, billing.Scope(text)) {
			return nil, fmt.Errorf("api: %s has the unknown scope %v", spec.OperationID, one)
		}
		scopes = append(scopes, billing.Scope(text))
	}
	return scopes, nil
}

// permitted refuses callers whose credentials are valid, but not for the operation.
func (c *contract) permitted(counts *metric.Metrics) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ctx echo.Context) error {
			op := c.of(ctx)
			if op == nil || op.public {
				return next(ctx)
			}
			k, isKey := ctx.Get("user").(billing.ServiceKey)
			err := op.permits(k, isKey)
			if err == nil {
				return next(ctx)
			}
			if isKey {
				counts.KeyRefused(metric.KeyScope)
			}
			return err
		}
	}
}

// permits returns why a caller may not call the operation: a service with its key, or a user.
func (op *operation) permits(k billing.ServiceKey, isKey bool) error {
	switch {
	case isKey && len(op.scopes) == 0:
		return billing.Errorf(
			billing.EUnauthorized,
			"This needs a user's access token. A service acts for an account at /accounts/{account_id}/….",
		)
	case isKey && !k.May(op.scopes...):
		return billing.Errorf(billing.EForbidden, "The service key %s lacks the scope %s.", k.ID, oneOf(op.scopes))
	case !isKey && !op.users:
		return billing.Errorf(billing.EForbidden, "This needs a service key, and not a user's access token.")
	}
	return nil
}

func oneOf(scopes []billing.Scope) string {
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = string(s)
	}
	return strings.Join(words, " or ")
}
