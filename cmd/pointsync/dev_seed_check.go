package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
)

const (
	maxSeedPacks = 10 // kinds of packs of one account: each is a purchase, and an account may make 15 at once

	minPassword, maxPassword = 10, 128 // characters, as the contract has it
)

// seedCheck collects what is wrong with a seed file.
type seedCheck struct {
	items   *catalog.Catalog
	lines   map[string]int // of emails
	pastDue string         // the plan of the first account that is past due
	place   *yaml.Node     // of the account that is checked
	faults  []error
}

// line returns the line of a member of the account, or that of the account.
func (c *seedCheck) line(member string) int {
	for i := 0; i+1 < len(c.place.Content); i += 2 {
		if c.place.Content[i].Value == member {
			return c.place.Content[i].Line
		}
	}
	return c.place.Line
}

// need notes a fault of a member unless ok.
func (c *seedCheck) need(ok bool, member, format string, args ...any) {
	if !ok {
		what := fmt.Sprintf(format, args...)
		c.faults = append(c.faults, fmt.Errorf("line %d: %s %s", c.line(member), member, what))
	}
}

// check notes what is wrong with an account, and fills in what it leaves out.
func (c *seedCheck) check(a *seedAccount) {
	c.checkLogin(a)
	c.checkPurchases(*a)
	const most = int64(billing.MaxPoints)
	c.need(a.Balance == nil || *a.Balance >= 0 && *a.Balance <= most, "balance", "must be 0 to %d", most)
	c.need(a.LowPoints == nil || *a.LowPoints >= 0 && *a.LowPoints <= most, "low_points", "must be 0 to %d", most)
	c.need(a.Debt >= 0 && a.Debt <= most, "debt", "must be 0 to %d", most)
	if a.Debt > 0 && a.Debt <= most {
		_, ok := debtPurchase(c.items, a.Debt)
		c.need(ok, "debt", "is %d, and no purchase of one pack brings as many points that could be refunded", a.Debt)
		c.need(a.Balance == nil || *a.Balance == 0, "balance", "must be 0 beside a debt")
	}
}

// checkLogin checks what logs the account in.
func (c *seedCheck) checkLogin(a *seedAccount) {
	email, err := account.NormalizeEmail(a.Email)
	c.need(err == nil, "email", "is %q, which is no email address", a.Email)
	if err != nil {
		return
	}
	before, twice := c.lines[email]
	c.need(!twice, "email", "%s is on line %d already", email, before)
	c.need(email != devAdmin, "email", "%s is that of dev's admin", email)
	c.lines[email], a.Email = c.line("email"), email
	if a.Password == "" {
		a.Password = devPassword
	}
	n := utf8.RuneCountInString(a.Password)
	c.need(
		n >= minPassword && n <= maxPassword, "password", "has %d characters, and needs %d to %d", n, minPassword,
		maxPassword,
	)
	var refused *billing.Error
	if errors.As(account.CheckPassword(a.Password, email, devProduct), &refused) {
		c.need(false, "password", "%s", refused.Fields[0].Message)
	}
}

// checkPurchases checks that the catalogue sells what the account bought.
func (c *seedCheck) checkPurchases(a seedAccount) {
	c.need(len(a.Packs) <= maxSeedPacks, "packs", "are %d kinds, and may be %d", len(a.Packs), maxSeedPacks)
	for _, id := range slices.Sorted(maps.Keys(a.Packs)) {
		pack, ok := c.items.Pack(id)
		c.need(ok, "packs", "has %q, which the catalogue does not sell as a pack", id)
		n, most := a.Packs[id], pack.MaxQuantity
		c.need(!ok || n >= 1 && n <= most, "packs", "has %d of %s, of which one purchase takes 1 to %d", n, id, most)
	}
	if a.Plan != "" {
		_, ok := c.items.Plan(a.Plan)
		c.need(ok, "plan", "is %q, which the catalogue does not sell as a plan", a.Plan)
	}
	if !a.PastDue {
		return
	}
	c.need(a.Plan != "", "past_due", "needs a plan")
	if c.pastDue == "" {
		c.pastDue = a.Plan
	}
	// The clock moves to the renewal. At that of a longer plan, a shorter one would be canceled already.
	c.need(a.Plan == c.pastDue, "past_due", "is for accounts of one plan alone, and another has %s", c.pastDue)
}
