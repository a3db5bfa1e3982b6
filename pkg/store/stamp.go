package store

import (
	"database/sql/driver"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// stamp is a time as both databases keep it: microseconds, UTC. It is sent as text of a fixed width, which PostgreSQL
// reads as timestamptz and SQLite compares letter by letter. A time.Time would reach SQLite without its trailing
// zeros, and would sort wrongly.
type stamp struct{ time.Time }

const stampLayout = "2006-01-02T15:04:05.000000Z"

func (s stamp) Value() (driver.Value, error) { return s.UTC().Format(stampLayout), nil }

func (s *stamp) Scan(src any) error {
	switch v := src.(type) {
	case time.Time:
		s.Time = v.UTC()
		return nil
	case string:
		t, err := time.Parse(time.RFC3339Nano, v)
		s.Time = t.UTC()
		return err
	}
	return fmt.Errorf("store: cannot read a time from %T", src)
}

// GormDBDataType tells the drift test which column type a stamp needs.
func (stamp) GormDBDataType(db *gorm.DB, _ *schema.Field) string {
	if db.Name() == "postgres" {
		return "timestamptz"
	}
	return "datetime"
}

func toStamp(t *time.Time) *stamp {
	if t == nil {
		return nil
	}
	return &stamp{*t}
}

func fromStamp(s *stamp) *time.Time {
	if s == nil {
		return nil
	}
	return &s.Time
}

// nullable returns nil for an empty id. In a unique column, an empty id would collide with the next empty one.
func nullable[S ~string](s S) *string {
	if s == "" {
		return nil
	}
	v := string(s)
	return &v
}

func fromNullable[S ~string](s *string) S {
	if s == nil {
		return ""
	}
	return S(*s)
}
