package sandbox

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// maxTaxIDs limits how many tax ids a customer can be created with.
const maxTaxIDs = 25

// taxID is a number by which a tax office knows a customer.
type taxID struct {
	base
	Country      text               `json:"country"`
	Customer     string             `json:"customer"`
	Owner        taxIDOwner         `json:"owner"`
	Type         string             `json:"type"`
	Value        string             `json:"value"`
	Verification *taxIDVerification `json:"verification"`
}

type taxIDOwner struct {
	Customer string `json:"customer"`
	Type     string `json:"type"`
}

type taxIDVerification struct {
	Status          string `json:"status"`
	VerifiedAddress text   `json:"verified_address"`
	VerifiedName    text   `json:"verified_name"`
}

// euVAT is the form of a VAT number in the European Union: the state's code, then what that state uses.
var euVAT = regexp.MustCompile(`^[A-Z]{2}[0-9A-Z+*]{2,12}$`)

// newTaxID makes a tax id. Its verification never changes, because the sandbox asks no tax office.
func (w *world) newTaxID(holder *customer, kind, value string) *taxID {
	made := &taxID{
		base:     w.begin("txi_1", "tax_id"),
		Customer: holder.ID,
		Country:  text(countryOf(kind, value)),
		Owner:    taxIDOwner{Customer: holder.ID, Type: "customer"},
		Type:     kind,
		Value:    value,
	}
	made.Verification = &taxIDVerification{Status: "unavailable"}
	if kind == "eu_vat" || kind == "gb_vat" || kind == "au_abn" { // the kinds that Stripe looks up
		made.Verification.Status = "pending"
	}
	w.TaxIDs.add(made)
	w.emit("customer.tax_id.created", made)
	return made
}

// countryOf returns the country that the kind names. For a kind of the European Union it is the one that the number
// begins with.
func countryOf(kind, value string) string {
	prefix, _, _ := strings.Cut(kind, "_")
	if prefix == "eu" {
		return value[:min(len(value), 2)]
	}
	return strings.ToUpper(prefix)
}

func checkTaxID(kind, value, param string) error {
	if value == "" || kind == "eu_vat" && !euVAT.MatchString(value) {
		return coded("tax_id_invalid", param, "Invalid value for %s.", kind)
	}
	return nil
}

// checkTaxIDs checks the tax ids of a new customer.
func checkTaxIDs(given []spec.Params) error {
	if len(given) > maxTaxIDs {
		return invalid("tax_id_data", "A new customer can bring at most %d tax ids.", maxTaxIDs)
	}
	for i, each := range given {
		if err := checkTaxID(
			each.Text("type"), each.Text("value"), fmt.Sprintf("tax_id_data[%d][value]", i),
		); err != nil {
			return err
		}
	}
	return nil
}

func createTaxID(c *call) (any, error) {
	holder, err := c.livingCustomer()
	if err != nil {
		return nil, err
	}
	kind, value := c.p.Text("type"), c.p.Text("value")
	if err := checkTaxID(kind, value, "value"); err != nil {
		return nil, err
	}
	c.on(holder)
	return c.newTaxID(holder, kind, value), nil
}

func (w *world) taxIDsOf(customerID string) []*taxID {
	return w.TaxIDs.where(func(each *taxID) bool { return each.Customer == customerID })
}

func (c *call) taxID() (*taxID, error) {
	if found := c.TaxIDs.get(c.item); found != nil && found.Customer == c.id {
		return found, nil
	}
	return nil, noSuch("tax_id", c.item, "id")
}

func getTaxID(c *call) (any, error) { return c.taxID() }

func listTaxIDs(c *call) (any, error) {
	if _, err := c.customerAt(c.id, "id"); err != nil {
		return nil, err
	}
	return list(c, &c.TaxIDs, "tax_id", func(each *taxID) bool { return each.Customer == c.id })
}

func deleteTaxID(c *call) (any, error) {
	found, err := c.taxID()
	if err != nil {
		return nil, err
	}
	c.on(c.Customers.get(found.Customer))
	c.emit("customer.tax_id.deleted", found)
	c.TaxIDs.remove(found.ID)
	return deleted("tax_id", found.ID), nil
}
