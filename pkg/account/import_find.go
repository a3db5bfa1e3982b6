package account

import (
	"context"
	"maps"
	"regexp"
	"slices"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// candidate is a customer to import.
type candidate struct {
	stripegw.Customer
	externalID, email string // email is normalized
	plan              string // of its live subscription, "" for none
	subscriptions     int    // that are live and ours
	unfit             ImportReason
}

// find reads which customers are to be imported. All of them are read first, because two customers with one email must
// both be skipped, in whatever order Stripe lists them.
func (i *Import) find(ctx context.Context) ([]candidate, Read, error) {
	found, r, err := i.subscribers(ctx)
	if err != nil {
		return nil, r, err
	}
	for _, id := range slices.Sorted(maps.Keys(i.Balances)) {
		if _, ok := found[id]; ok {
			continue
		}
		if err := i.keepPace(ctx); err != nil {
			return nil, r, err
		}
		c := candidate{Customer: stripegw.Customer{ID: id}}
		err := i.patiently(ctx, func() (err error) { c.Customer, err = i.Stripe.Customer(ctx, id); return err })
		switch {
		case billing.CodeOf(err) == billing.ENotFound:
			c.Customer.ID, c.unfit = id, ImportUnknownCustomer
		case err != nil:
			return nil, r, err
		}
		found[id] = &c
	}
	all := make([]candidate, 0, len(found))
	for _, id := range slices.Sorted(maps.Keys(found)) {
		i.name(found[id])
		all = append(all, *found[id])
	}
	r.Customers = len(all)
	return withoutTwins(all), r, nil
}

// maxSubscriptions limits how many subscriptions an import reads, because it holds their customers in memory.
const maxSubscriptions = 1_000_000

// subscribers reads all subscriptions that have not ended, and returns the customers of those that are ours and live.
func (i *Import) subscribers(ctx context.Context) (map[billing.CustomerID]*candidate, Read, error) {
	found, r := map[billing.CustomerID]*candidate{}, Read{OtherPrices: map[billing.PriceID]int{}}
	last := billing.SubscriptionID("")
	for more := true; more; {
		var page []stripegw.Subscribed
		if err := i.patiently(ctx, func() (err error) {
			page, more, err = i.Stripe.SubscribedAfter(ctx, last)
			return err
		}); err != nil {
			return nil, r, err
		}
		for _, s := range page {
			last = s.ID
			r.Subscriptions++
			if s.Item == "" {
				for _, p := range s.Prices {
					r.OtherPrices[p]++
				}
			}
			if s.Item == "" || !s.Status.Live() {
				continue
			}
			c, ok := found[s.Customer.ID]
			if !ok {
				c = &candidate{Customer: s.Customer}
				found[c.ID] = c
			}
			c.plan = s.Item
			c.subscriptions++
		}
		if r.Subscriptions > maxSubscriptions {
			return nil, r, billing.Errorf(
				billing.EStripeRefused, "Stripe has more than %d subscriptions that have not ended.", maxSubscriptions,
			)
		}
		if i.Reading != nil {
			i.Reading(r.Subscriptions)
		}
		more = more && len(page) > 0
	}
	return found, r, nil
}

// externalIDs matches what the contract allows as an external id.
var externalIDs = regexp.MustCompile(`^[\x21-\x7e]{1,255}$`)

// name reads what leads from a customer to an account, and whether the customer can be imported at all.
func (i *Import) name(c *candidate) {
	c.externalID = c.Metadata[i.ExternalID]
	email, err := NormalizeEmail(c.Email)
	if err == nil {
		c.email = email
	}
	switch {
	case c.unfit != "":
	case c.Deleted:
		c.unfit = ImportDeleted
	case c.subscriptions > 1:
		c.unfit = ImportTwoSubscriptions
	case c.Metadata[billing.MetadataAccount] != "":
		c.unfit = ImportOurs
	case c.externalID != "" && !externalIDs.MatchString(c.externalID):
		c.externalID, c.unfit = "", ImportBadExternalID
	case c.Email != "" && err != nil:
		c.unfit = ImportBadEmail
	case c.externalID == "" && c.email == "":
		c.unfit = ImportNoMatch
	}
}

// withoutTwins marks customers who share an external id or an email: no one but the operator knows whose account it is.
func withoutTwins(all []candidate) []candidate {
	ids, emails := map[string]int{}, map[string]int{}
	for _, c := range all {
		ids[c.externalID]++
		emails[c.email]++
	}
	for n := range all {
		c := &all[n]
		switch {
		case c.unfit != "":
		case c.externalID != "" && ids[c.externalID] > 1:
			c.unfit = ImportSameExternalID
		case c.email != "" && emails[c.email] > 1:
			c.unfit = ImportSameEmail
		}
	}
	return all
}
