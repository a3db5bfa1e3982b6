package stripegw_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

const (
	secretA = "whsec_a"
	secretB = "whsec_b"
)

var signedAt = time.Unix(1_700_000_000, 0)

// mac returns the signature as Stripe's documents define it. It is written separately from the code that it checks.
func mac(secret, timestamp, body string) string {
	h := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(h, "%s.%s", timestamp, body)
	return hex.EncodeToString(h.Sum(nil))
}

func header(secret string, at time.Time, body string) string {
	stamp := fmt.Sprint(at.Unix())
	return "t=" + stamp + ",v1=" + mac(secret, stamp, body)
}

const eventBody = `{"object":"event","id":"evt_1","type":"invoice.paid","api_version":"2023-10-16","created":1699999990,` +
	`"livemode":true,"data":{"object":{"object":"invoice","id":"in_1","customer":"cus_1","lines":[]}}}`

// A body that Stripe signed is read, with whichever configured secret it was signed.
func TestParseEventAccepts(t *testing.T) {
	t.Parallel()
	stamp := fmt.Sprint(signedAt.Unix())
	good := mac(secretA, stamp, eventBody)
	for name, test := range map[string]struct {
		header  string
		secrets []string
		now     time.Time
	}{
		"OneSecret":       {header(secretA, signedAt, eventBody), []string{secretA}, signedAt},
		"RolledNewSecret": {header(secretA, signedAt, eventBody), []string{secretB, secretA}, signedAt},
		"RolledTwoSigned": {
			"t=" + stamp + ",v1=" + strings.Repeat("0", 64) + ",v1=" + good, []string{secretA}, signedAt,
		},
		"OldSchemeBeside": {"t=" + stamp + ",v1=" + good + ",v0=abc", []string{secretA}, signedAt},
		"NotHexBeside":    {"t=" + stamp + ",v1=zz,v1=" + good, []string{secretA}, signedAt},
		"SignatureFirst":  {"v1=" + good + ",t=" + stamp, []string{secretA}, signedAt},
		"SpaceAfterComma": {"t=" + stamp + ", v1=" + good, []string{secretA}, signedAt},
		"OldButInside":    {header(secretA, signedAt, eventBody), []string{secretA}, signedAt.Add(300 * time.Second)},
		"FutureButInside": {header(secretA, signedAt, eventBody), []string{secretA}, signedAt.Add(-300 * time.Second)},
		"PartOfASecondOld": {
			header(secretA, signedAt, eventBody), []string{secretA},
			signedAt.Add(300*time.Second + 900*time.Millisecond),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := stripegw.ParseEvent([]byte(eventBody), test.header, test.secrets, test.now)
			if err != nil {
				t.Fatal(err)
			}
			want := stripegw.Event{
				ID: "evt_1", Type: "invoice.paid", APIVersion: "2023-10-16", Livemode: true,
				Created: time.Unix(1699999990, 0).UTC(), ObjectType: "invoice", ObjectID: "in_1", CustomerID: "cus_1",
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// A body that Stripe did not sign, or signed for another time, is refused, with a message that names what is wrong.
func TestParseEventRefuses(t *testing.T) {
	t.Parallel()
	stamp := fmt.Sprint(signedAt.Unix())
	good := mac(secretA, stamp, eventBody)
	later := fmt.Sprint(signedAt.Unix() + 1000)
	one := []string{secretA}
	for name, test := range map[string]struct {
		body, header string
		secrets      []string
		now          time.Time
		code         billing.Code
		says         string
	}{
		"NoHeader":    {eventBody, "", one, signedAt, billing.EInvalid, "missing"},
		"Garbage":     {eventBody, "hello", one, signedAt, billing.EInvalid, "malformed"},
		"NoTimestamp": {eventBody, "v1=" + good, one, signedAt, billing.EInvalid, "malformed"},
		"TwoTimestamps": {
			eventBody, "t=" + later + ",t=" + stamp + ",v1=" + good, one, signedAt, billing.EInvalid, "malformed",
		},
		"SameTwice": {
			eventBody, "t=" + stamp + ",t=" + stamp + ",v1=" + good, one, signedAt, billing.EInvalid, "malformed",
		},
		"SignedStamp": {
			eventBody, "t=+" + stamp + ",v1=" + mac(secretA, "+"+stamp, eventBody), one, signedAt, billing.EInvalid,
			"malformed",
		},
		"NegativeStamp": {
			eventBody, "t=-5,v1=" + mac(secretA, "-5", eventBody), one, signedAt, billing.EInvalid, "malformed",
		},
		"EndlessStamp": {
			eventBody, "t=99999999999999999999,v1=" + good, one, signedAt, billing.EInvalid, "malformed",
		},
		"HugeHeader": {
			eventBody, "t=" + stamp + ",v1=" + good + ",v0=" + strings.Repeat("a", 5000), one, signedAt,
			billing.EInvalid, "malformed",
		},
		"ManySignatures": {
			eventBody, "t=" + stamp + strings.Repeat(",v1=00", 17), one, signedAt, billing.EInvalid, "malformed",
		},
		"NoSignature": {eventBody, "t=" + stamp, one, signedAt, billing.EInvalid, "no valid signature"},
		"OldSchemeOnly": {
			eventBody, "t=" + stamp + ",v0=" + good, one, signedAt, billing.EInvalid, "no valid signature",
		},
		"NotHex": {eventBody, "t=" + stamp + ",v1=zz", one, signedAt, billing.EInvalid, "no valid signature"},
		"Truncated": {
			eventBody, "t=" + stamp + ",v1=" + good[:32], one, signedAt, billing.EInvalid, "no valid signature",
		},
		"EmptySignature": {eventBody, "t=" + stamp + ",v1=", one, signedAt, billing.EInvalid, "no valid signature"},
		"OtherSecret": {
			eventBody, header(secretB, signedAt, eventBody), one, signedAt, billing.EInvalid, "no valid signature",
		},
		"OtherTime": {
			eventBody, "t=" + later + ",v1=" + good, one, signedAt.Add(1000 * time.Second), billing.EInvalid,
			"no valid signature",
		},
		"OneByteChanged": {
			strings.Replace(eventBody, "in_1", "in_2", 1), header(secretA, signedAt, eventBody), one, signedAt,
			billing.EInvalid, "no valid signature",
		},
		"OneByteMore": {
			eventBody + "\n", header(secretA, signedAt, eventBody), one, signedAt, billing.EInvalid,
			"no valid signature",
		},
		"TooOld": {
			eventBody, header(secretA, signedAt, eventBody), one, signedAt.Add(301 * time.Second), billing.EInvalid,
			"tolerance",
		},
		"InTheFuture": {
			eventBody, header(secretA, signedAt, eventBody), one, signedAt.Add(-301 * time.Second), billing.EInvalid,
			"tolerance",
		},
		"NoSecrets": {
			eventBody, header("", signedAt, eventBody), nil, signedAt, billing.EInternal, "no webhook secret",
		},
		"EmptySecret": {
			eventBody, header("", signedAt, eventBody), []string{secretA, ""}, signedAt, billing.EInternal, "empty",
		},
		"NotJSON": {
			"hello", header(secretA, signedAt, "hello"), one, signedAt, billing.EInvalid, "not a Stripe event",
		},
		"EmptyBody": {"", header(secretA, signedAt, ""), one, signedAt, billing.EInvalid, "not a Stripe event"},
		"OtherJSON": {
			"{}", header(secretA, signedAt, "{}"), one, signedAt, billing.EInvalid, "not a Stripe event",
		},
		"Null": {
			"null", header(secretA, signedAt, "null"), one, signedAt, billing.EInvalid, "not a Stripe event",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := stripegw.ParseEvent([]byte(test.body), test.header, test.secrets, test.now)
			if billing.CodeOf(err) != test.code || !strings.Contains(fmt.Sprint(err), test.says) {
				t.Errorf("got %v, want code %s and %q", err, test.code, test.says)
			}
		})
	}
}

// The customer is found in every place where Stripe writes it, and an event of unknown shape still counts.
func TestParseEventFindsCustomer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ object, kind, id, customer string }{
		"Id": {`{"object":"charge","id":"ch_1","customer":"cus_1"}`, "charge", "ch_1", "cus_1"},
		"Expanded": {
			`{"object":"charge","id":"ch_1","customer":{"object":"customer","id":"cus_1"}}`, "charge", "ch_1", "cus_1",
		},
		"CustomerItself": {`{"object":"customer","id":"cus_1"}`, "customer", "cus_1", "cus_1"},
		"Null":           {`{"object":"checkout.session","id":"cs_1","customer":null}`, "checkout.session", "cs_1", ""},
		"Absent":         {`{"object":"dispute","id":"dp_1","charge":"ch_1"}`, "dispute", "dp_1", ""},
		"NoId":           {`{"object":"invoice","customer":"cus_1"}`, "invoice", "", "cus_1"},
		"OddCustomer":    {`{"object":"x","id":"x_1","customer":[1]}`, "x", "x_1", ""},
		"OddId":          {`{"object":"x","id":7,"customer":"cus_1"}`, "x", "", "cus_1"},
		"EndlessId":      {`{"object":"x","id":"` + strings.Repeat("a", 300) + `"}`, "x", "", ""},
		"NotAnObject":    {`[]`, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := `{"object":"event","id":"evt_1","type":"a.b","api_version":"2025-03-31.basil","data":{"object":` +
				test.object + `}}`
			e, err := stripegw.ParseEvent([]byte(body), header(secretA, signedAt, body), []string{secretA}, signedAt)
			if err != nil {
				t.Fatal(err)
			}
			if string(e.ObjectType) != test.kind || e.ObjectID != test.id || string(e.CustomerID) != test.customer {
				t.Errorf("got %+v", e)
			}
		})
	}
}
