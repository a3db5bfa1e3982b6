package store

import (
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/pointsync/pointsync/pkg/billing"
)

// oldSecrets are the rolled secrets of an endpoint, as a JSON list.
type oldSecrets []billing.OldSecret

// oldSecret is one of the list. A SigningSecret itself would be written as "[set]".
type oldSecret struct {
	Secret string    `json:"secret"`
	Until  time.Time `json:"until"`
}

func (s oldSecrets) Value() (driver.Value, error) {
	list := make([]oldSecret, len(s))
	for i, old := range s {
		list[i] = oldSecret{old.Secret.Reveal(), old.Until.UTC()}
	}
	text, err := json.Marshal(list)
	return string(text), err
}

func (s *oldSecrets) Scan(src any) error {
	var text []byte
	switch v := src.(type) {
	case string:
		text = []byte(v)
	case []byte:
		text = v
	default:
		return fmt.Errorf("store: cannot read old secrets from %T", src)
	}
	var list []oldSecret
	if err := json.Unmarshal(text, &list); err != nil {
		return errors.New("store: the old secrets of an endpoint are not a list") // the cause might repeat them
	}
	*s = nil
	for _, old := range list {
		*s = append(*s, billing.OldSecret{Secret: billing.SigningSecret(old.Secret), Until: old.Until})
	}
	return nil
}

// GormDBDataType tells the drift test which column type the list needs.
func (oldSecrets) GormDBDataType(*gorm.DB, *schema.Field) string { return "text" }
