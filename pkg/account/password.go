package account

import (
	"context"
	"fmt"

	"github.com/alexedwards/argon2id"

	"github.com/pointsync/pointsync/pkg/billing"
)

// hashParams are OWASP's: 19 MiB, two passes, one thread. Parameters that take one thread of 19 MiB leave the other
// cores and the memory to spends. A hash with other parameters is still verified, because they are part of it, and is
// replaced at the next login.
var hashParams = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// hash returns the stored form of a password. Errors: ETooMany.
func (s *Service) hash(ctx context.Context, l lane, password string) (string, error) {
	done, err := s.takeTurn(ctx, l)
	if err != nil {
		return "", err
	}
	defer done()
	return argon2id.CreateHash(composed(password), hashParams)
}

// verify reports whether a password matches its stored form. If it does and the form is an older one, newer is what to
// store in its place. Errors: ETooMany.
func (s *Service) verify(ctx context.Context, l lane, password, hash string) (ok bool, newer string, err error) {
	done, err := s.takeTurn(ctx, l)
	if err != nil {
		return false, "", err
	}
	defer done()
	ok, params, err := argon2id.CheckHash(composed(password), hash)
	if err != nil {
		return false, "", fmt.Errorf("account: compare password: %w", err)
	}
	if ok && *params != *hashParams {
		newer, err = argon2id.CreateHash(composed(password), hashParams)
	}
	return ok, newer, err
}

// takeTurn waits for a turn at hashing, which done ends. Errors: ETooMany.
func (s *Service) takeTurn(ctx context.Context, l lane) (done func(), err error) {
	done, err = s.hashers.take(ctx, l)
	if billing.CodeOf(err) == billing.ETooMany {
		s.pause(ctx)
	}
	return done, err
}
