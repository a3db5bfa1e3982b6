package billing

import "time"

// Login is one refresh-token family: a device that logged in.
type Login struct {
	ID        SessionID
	AccountID AccountID
	Name      string // that the customer gave the device, or ""
	CreatedAt time.Time
	UsedAt    time.Time // when it last got a refresh token
	ExpiresAt time.Time
	RevokedAt *time.Time
}

// Lives reports whether the login may still be used.
func (l Login) Lives(now time.Time) bool { return l.RevokedAt == nil && now.Before(l.ExpiresAt) }

// LoginState is what an open stream of a login's session is checked against.
type LoginState struct {
	Version    int64      // of the account
	NextExpiry *time.Time // of the account's lots
	ExpiresAt  time.Time
	RevokedAt  *time.Time
}

// Lives reports whether the login may still be used. The zero state, of a login that does not exist, is not live.
func (s LoginState) Lives(now time.Time) bool { return s.RevokedAt == nil && now.Before(s.ExpiresAt) }

// Ended returns the error for a request by a login that does not live.
func Ended() *Error { return Errorf(EUnauthorized, "This login has ended. Log in again.") }

// LoginKey names one login. The ids of logins are looked up within their account.
type LoginKey struct {
	Account AccountID
	ID      SessionID
}

// RefreshToken is one step of a Login: each use replaces it by the next one. Only its hash is stored.
type RefreshToken struct {
	AccountID   AccountID
	Hash        string
	LoginID     SessionID
	Predecessor string // the hash of the token that was exchanged for it, "" for a login's first
	CreatedAt   time.Time
	UsedAt      *time.Time // when it was first exchanged for the next one
}
