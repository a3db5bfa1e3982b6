package account

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/token"
)

// maxLogins is how many live logins an account has. The next login ends the one that was used least recently.
const maxLogins = 50

type deviceKey struct{}

// WithDevice returns a context in which a login gets a name: the one that the customer gave the device.
func WithDevice(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, deviceKey{}, name)
}

func deviceOf(ctx context.Context) string {
	name, _ := ctx.Value(deviceKey{}).(string)
	return name
}

// makeRoom ends the logins that were used least recently, if the account, whose lock the transaction holds, has as many
// as it may have.
func makeRoom(ctx context.Context, tx *store.Tx, id billing.AccountID) error {
	live, err := tx.Logins(ctx, id, tx.Now, 2*maxLogins)
	if err != nil {
		return err
	}
	for _, l := range live[min(len(live), maxLogins-1):] {
		if err := tx.RevokeLogin(ctx, id, l.ID); err != nil {
			return err
		}
	}
	return nil
}

// Logins lists the caller's live logins, the last used first.
func (s *Service) Logins(ctx context.Context, c token.Claims) ([]billing.Login, error) {
	return s.db.Logins(ctx, c.Account, s.db.Now(), maxLogins)
}

// NameLogin gives a live login of the caller's account another name. Errors: EInvalid, ENotFound, EUnauthorized,
// EAccountClosed.
func (s *Service) NameLogin(
	ctx context.Context, c token.Claims, id billing.SessionID, name string,
) (l billing.Login, err error) {
	if err := billing.CheckShown("/name", name); err != nil {
		return l, err
	}
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockOpen(ctx, c.Account, c.Login); err != nil {
			return gone(err)
		}
		if l, err = tx.Login(ctx, c.Account, id); billing.CodeOf(err) == billing.ENotFound {
			return noSession()
		}
		if err != nil {
			return err
		}
		if !l.Lives(tx.Now) {
			return noSession()
		}
		l.Name = name
		return tx.NameLogin(ctx, c.Account, id, name)
	})
	return l, err
}

// EndLogin ends a login of the caller's account, which may be the caller's own. A second end changes nothing. Errors:
// ENotFound, EUnauthorized, EAccountClosed.
func (s *Service) EndLogin(ctx context.Context, c token.Claims, id billing.SessionID) error {
	return s.db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockOpen(ctx, c.Account, c.Login); err != nil {
			return gone(err)
		}
		l, err := tx.Login(ctx, c.Account, id)
		if billing.CodeOf(err) == billing.ENotFound {
			return noSession()
		}
		if err != nil || l.RevokedAt != nil {
			return err
		}
		return tx.RevokeLogin(ctx, c.Account, id)
	})
}

// EndOtherLogins ends all logins of the caller's account but the caller's own. Errors: EUnauthorized, EAccountClosed.
func (s *Service) EndOtherLogins(ctx context.Context, c token.Claims) error {
	return gone(s.db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockOpen(ctx, c.Account, c.Login); err != nil {
			return err
		}
		return tx.RevokeOtherLogins(ctx, c.Account, c.Login)
	}))
}

func noSession() error { return billing.Errorf(billing.ENotFound, "No such session.") }
