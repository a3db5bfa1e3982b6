package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"

	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/strictyaml"
)

const (
	maxSeedBytes    = 1 << 20
	maxSeedAccounts = 100
)

// seedAccount is an account as a seed file describes it.
type seedAccount struct {
	Email     string           `yaml:"email"`
	Password  string           `yaml:"password"`   // "": that of dev's admin
	Packs     map[string]int64 `yaml:"packs"`      // how many of each pack it bought
	Plan      string           `yaml:"plan"`       // what it subscribed to
	PastDue   bool             `yaml:"past_due"`   // its card fails, and so did the first renewal
	Debt      int64            `yaml:"debt"`       // points that it owes after a refund
	Balance   *int64           `yaml:"balance"`    // points available at the end; nil: what the purchases brought
	LowPoints *int64           `yaml:"low_points"` // its own threshold
}

// readSeed returns the accounts of a seed file, checked. Its error lists everything that is wrong, each with its line.
// Without a path there are no accounts.
func readSeed(path string, items *catalog.Catalog) ([]seedAccount, error) {
	if path == "" {
		return nil, nil
	}
	text, err := readSeedFile(path)
	if err != nil {
		return nil, fmt.Errorf("--seed: %w", err)
	}
	accounts, err := parseSeed(text, items)
	if err != nil {
		return nil, fmt.Errorf("--seed: nothing was made, because of %s: %w", filepath.Base(path), err)
	}
	return accounts, nil
}

func readSeedFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSeedBytes+1))
	if err == nil && len(text) > maxSeedBytes {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxSeedBytes)
	}
	return text, err
}

// parseSeed returns the accounts of a file, checked.
func parseSeed(text []byte, items *catalog.Catalog) ([]seedAccount, error) {
	var file struct {
		Accounts []*seedAccount `yaml:"accounts"` // pointers, or the library would leave out an empty one
	}
	if err := strictyaml.Decode(text, &file); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if n := len(file.Accounts); n == 0 || n > maxSeedAccounts {
		return nil, fmt.Errorf("it has %d accounts: write 1 to %d below accounts", n, maxSeedAccounts)
	}
	var places struct {
		Accounts []yaml.Node `yaml:"accounts"`
	}
	if err := yaml.Unmarshal(text, &places); err != nil {
		return nil, err
	}
	c := seedCheck{items: items.ForSale(), lines: map[string]int{}}
	accounts := make([]seedAccount, len(file.Accounts))
	for i, a := range file.Accounts {
		if a != nil {
			accounts[i] = *a
		}
		c.place = &places.Accounts[i]
		c.check(&accounts[i])
	}
	return accounts, errors.Join(c.faults...)
}

// purchase is a number of packs that are bought at once.
type purchase struct {
	item             string
	quantity, points int64
}

// debtPurchase returns the smallest purchase of one pack whose refund can leave a debt. ok is false if there is none.
func debtPurchase(items *catalog.Catalog, debt int64) (smallest purchase, ok bool) {
	for _, p := range items.Packs {
		points := int64(p.Points)
		n := (debt + points - 1) / points
		if n <= p.MaxQuantity && (!ok || n*points < smallest.points) {
			smallest, ok = purchase{p.ID, n, n * points}, true
		}
	}
	return smallest, ok
}
