package spec_test

import (
	"errors"
	"net/url"
	"reflect"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// These tests prove that forms become the values that Stripe's document declares, in any order and notation.
func TestParse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		operation, form string
		want            spec.Params
	}{
		"Scalars": {
			"POST /v1/prices", "currency=usd&unit_amount=5&active=true",
			spec.Params{"currency": "usd", "unit_amount": int64(5), "active": true},
		},
		"ListByIndex": {
			"GET /v1/prices", "lookup_keys[10]=b&lookup_keys[9]=a", spec.Params{"lookup_keys": []any{"a", "b"}},
		},
		"ListAppended": {
			"GET /v1/prices", "lookup_keys[]=a&lookup_keys[]=b", spec.Params{"lookup_keys": []any{"a", "b"}},
		},
		"Hashes": {
			"POST /v1/customers", "address[city]=x&metadata[a]=b",
			spec.Params{"address": spec.Params{"city": "x"}, "metadata": map[string]any{"a": "b"}},
		},
		"ListOfHashes": {"POST /v1/subscriptions", "customer=c&items[0][price]=p&items[0][quantity]=2",
			spec.Params{"customer": "c", "items": []any{spec.Params{"price": "p", "quantity": int64(2)}}}},
		"HashesByName": {"POST /v1/prices", "currency=usd&currency_options[eur][unit_amount]=4", spec.Params{"currency": "usd",
			"currency_options": spec.Params{"eur": spec.Params{"unit_amount": int64(4)}}}},
		"OldName": {
			"POST /v1/subscriptions", "customer=c&items[0][plan]=p",
			spec.Params{"customer": "c", "items": []any{spec.Params{"price": "p"}}},
		},
		"IntegerOrWord": {
			"POST /v1/subscriptions/{subscription_exposed_id}", "trial_end=now", spec.Params{"trial_end": "now"},
		},
		"WordOrInteger": {
			"POST /v1/subscriptions/{subscription_exposed_id}", "trial_end=17", spec.Params{"trial_end": int64(17)},
		},
		"RangeOrExact":  {"GET /v1/customers", "created[gte]=3", spec.Params{"created": spec.Params{"gte": int64(3)}}},
		"Unset":         {"POST /v1/customers/{customer}", "metadata=", spec.Params{"metadata": ""}},
		"LastOneCounts": {"POST /v1/customers", "email=a&email=b", spec.Params{"email": "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fields, ok := spec.Operation(c.operation)
			if !ok {
				t.Fatalf("%s is not declared", c.operation)
			}
			values, err := url.ParseQuery(c.form)
			if err != nil {
				t.Fatal(err)
			}
			got, err := spec.Parse(fields, values)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Fatalf("got %#v, %v", got, err)
			}
		})
	}
}

// No form makes the parser panic. Every refusal is a Problem that has a message.
func FuzzParse(f *testing.F) {
	f.Add("line_items[0][price]=p&metadata[a]=b&line_items[][quantity]=1")
	f.Add("a[=b&]=c&[x]=y&subscription_data[][]=1")
	for _, form := range []string{
		"", "&&&", "a", "=", "[]", "[]=1", "a[]=", "a[b]=1&a=2", "a=1&a[b]=2", "a[0]=1&a[b]=2", "a[b]=1&a[]=2",
		"line_items[-1][price]=p", "line_items[99999999999999999999][price]=p", "line_items[0]=p", "line_items[a][price]=p",
		"line_items[0][quantity]=1e9&line_items[0][price]=%00", "metadata[]=1", "metadata[a][b]=1", "metadata=", "metadata=x",
		"mode=payment&success_url=%ff%fe", "expand[]=a&expand[0]=b", "a[b[c]]=1", "a[b]c=1", "a]b[=1", "%5Ba%5D=1",
		"line_items[0][price_data][unit_amount]=9223372036854775808", "allow_promotion_codes=TRUE", "expires_at=now",
	} {
		f.Add(form)
	}
	fields, _ := spec.Operation("POST /v1/checkout/sessions")
	f.Fuzz(func(t *testing.T, form string) {
		values, err := url.ParseQuery(form)
		if err != nil {
			return
		}
		if _, err = spec.Parse(fields, values); err == nil {
			return
		}
		var problem *spec.Problem
		if !errors.As(err, &problem) || problem.Message == "" {
			t.Fatalf("%q is refused without a word: %v", form, err)
		}
	})
}
