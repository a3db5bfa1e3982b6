package account

import (
	"context"
	"fmt"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/pointsync/pointsync/pkg/billing"
)

const (
	// maxHashers limits how many passwords are hashed at once: each takes 64 MiB and a core for a while.
	maxHashers = 2
	// hashPatience is how long a caller waits for a turn.
	hashPatience = 5 * time.Second
)

var hashParams = &argon2id.Params{Memory: 64 * 1024, Iterations: 1, Parallelism: 2, SaltLength: 16, KeyLength: 32}

// hash returns the stored form of a password. Errors: ETooMany.
func (s *Service) hash(ctx context.Context, password string) (string, error) {
	if err := s.queue(ctx); err != nil {
		return "", err
	}
	defer func() { <-s.hashers }()
	return argon2id.CreateHash(password, hashParams)
}

// verify reports whether a password matches its stored form. Errors: ETooMany.
func (s *Service) verify(ctx context.Context, password, hash string) (bool, error) {
	if err := s.queue(ctx); err != nil {
		return false, err
	}
	defer func() { <-s.hashers }()
	ok, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return false, fmt.Errorf("account: compare password: %w", err)
	}
	return ok, nil
}

// queue waits for a turn at hashing. Errors: ETooMany.
func (s *Service) queue(ctx context.Context) error {
	patience := time.NewTimer(hashPatience)
	defer patience.Stop()
	select {
	case s.hashers <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-patience.C:
		return &billing.Error{
			Code: billing.ETooMany, Message: "Too many people log in at once. Try again.", RetryAfter: hashPatience,
		}
	}
}
