package api_test

import "strings"

// objectAttacks name things of another account, or of no one. (Each operation with an id of the victim's follows from
// the contract.)
var objectAttacks = []attack{
	{"the victim's spend at the attacker's account", worker, "GET /accounts/$ACCOUNT/spends/$ENTRY", "", "", "404 not-found"},
	{"the victim's hold at the attacker's account", worker, "GET /accounts/$ACCOUNT/holds/$HOLD", "", "", "404 not-found"},
	{"capture of the victim's hold at the attacker's account", worker, "POST /accounts/$ACCOUNT/holds/$HOLD/capture", "Idempotency-Key: k\r\n", `{}`, "404 not-found"},
	{"release of the victim's hold at the attacker's account", worker, "POST /accounts/$ACCOUNT/holds/$HOLD/release", "Idempotency-Key: k\r\n", "", "404 not-found"},
	{"an order of no one", user, "GET /checkout/ord_01jd0000000000000000000000", "", "", "404 not-found"},
	{"an order by its number", user, "GET /checkout/1", "", "", "400 validation"},
	{"an order by a hold's id", user, "GET /checkout/$HOLD", "", "", "400 validation"},
	{"a hold by an order's id", user, "GET /points/holds/$ORDER", "", "", "400 validation"},
	{"a gift to oneself", user, "POST /accounts/$ACCOUNT/grants", "Idempotency-Key: k\r\n", `{"amount":100,"reference":"r"}`, "403 forbidden"},
	{"a gift to oneself as an admin", user, "POST /admin/accounts/$ACCOUNT/grants", "Idempotency-Key: k\r\n", `{"amount":100,"reason":"r"}`, "404 not-found"},
	{"a key with more than its maker has", worker, "POST /admin/keys", "", `{"name":"n","scopes":["admin"]}`, "403 forbidden"},
	{"a gift by a key that reads", "$READER", "POST /accounts/$ACCOUNT/grants", "Idempotency-Key: k\r\n", `{"amount":1,"reference":"r"}`, "403 forbidden"},
	{"a spend by a key that reads", "$READER", "POST /accounts/$VICTIM/spends", "Idempotency-Key: k\r\n", `{"amount":1}`, "403 forbidden"},
	{"an account by a key that reads", "$READER", "POST /accounts", "", `{"external_id":"new"}`, "403 forbidden"},
	{"an account of no one", worker, "GET /accounts/acc_01jd0000000000000000000000", "", "", "404 not-found"},
	{"a spend from no one", worker, "POST /accounts/acc_01jd0000000000000000000000/spends", "Idempotency-Key: k\r\n", `{"amount":1}`, "404 not-found"},
	{"an account by an email", worker, "GET /accounts/$VICTIM_EMAIL", "", "", "400 validation"},
	{"all accounts", worker, "GET /accounts", "", "", "400 validation"},
	{"an endpoint of no one", admin, "DELETE /admin/webhooks/whk_01jd0000000000000000000000", "", "", "404 not-found"},
	{"a delivery of no one", admin, "POST /admin/webhooks/$HOOK/deliveries/msg_01jd0000000000000000000000/resend", "", "", "404 not-found"},
	{"a key of no one", admin, "POST /admin/keys/key_01jd0000000000000000000000/revoke", "", "", "404 not-found"},
	{"the portal without a purchase", user, "POST /portal", "", `{}`, "409 conflict"},
	{"a change without a subscription", user, "POST /subscription/change", "", `{"plan":"pro_monthly"}`, "409 conflict"},
	{"more points than there are", user, spend, "", `{"amount":100}`, "402 insufficient-points"},
	{"more points held than there are", user, "POST /points/holds", "", `{"amount":8796093022208}`, "402 insufficient-points"},
	{"more points than there are, by a service", worker, "POST /accounts/$ACCOUNT/spends", "Idempotency-Key: k\r\n", `{"amount":1000}`, "402 insufficient-points"},
	{"more points taken than there are", admin, "POST /admin/accounts/$ACCOUNT/corrections", "Idempotency-Key: k\r\n", `{"amount":1000,"reason":"r"}`, "409 conflict"},
}

// memberAttacks ask for what only the server decides: a price, an amount of money, an id, a role, a card. (Each
// operation with seven such members follows from the contract.)
var memberAttacks = []attack{
	{"an amount of money", user, "POST /checkout", "", `{"item":"pack_100","amount":1}`, "400 validation"},
	{"a currency", user, "POST /checkout", "", `{"item":"pack_100","currency":"idr"}`, "400 validation"},
	{"a coupon", user, "POST /checkout", "", `{"item":"pack_100","coupon":"half"}`, "400 validation"},
	{"a trial", user, "POST /checkout", "", `{"item":"pro_monthly","trial_days":3650}`, "400 validation"},
	{"an id of Stripe's price as the item", user, "POST /checkout", "", `{"item":"price_1"}`, "400 validation"},
	{"a plan as a top-up", user, "PUT /points/top-up", "", `{"enabled":true,"pack":"pro_monthly","threshold":10,"monthly_limit":1}`, "400 validation"},
	{"a card", user, "PUT /points/top-up", "", `{"enabled":true,"pack":"pack_100","threshold":10,"monthly_limit":1,"payment_method":"pm_1"}`, "400 validation"},
	{"a spend with a balance", user, spend, "", `{"amount":1,"balance_after":1000}`, "400 validation"},
	{"a spend in another's name", user, spend, "", `{"amount":1,"by":{"kind":"admin"}}`, "400 validation"},
	{"a hold with an end", user, "POST /points/holds", "", `{"amount":1,"expires_at":"2099-01-01T00:00:00Z"}`, "400 validation"},
	{"an account with an id", anonymous, register, "", `{"email":"eve@example.com","password":"correct horse battery","id":"$VICTIM"}`, "400 validation"},
	{"a service's account with an email", worker, "POST /accounts", "", `{"external_id":"a","email":"$VICTIM_EMAIL"}`, "400 validation"},
	{"a key with a secret", admin, "POST /admin/keys", "", `{"name":"n","scopes":["read"],"secret":"psk_known"}`, "400 validation"},
	{"a key with an unknown scope", admin, "POST /admin/keys", "", `{"name":"n","scopes":["read","*"]}`, "400 validation"},
	{"an endpoint with a secret", admin, "POST /admin/webhooks", "", `{"url":"https://example.com/a","secret":"whsec_known"}`, "400 validation"},
	{"a change of plan at a price", user, "POST /subscription/change", "", `{"plan":"pro_monthly","amount":1}`, "400 validation"},
}

// redirectAttacks would send the customer to a page of the attacker's after the payment.
var redirectAttacks = []attack{
	{"another site", user, "POST /checkout", "", `{"item":"pack_100","success_url":"https://evil.example/paid"}`, "400 validation"},
	{"another site to cancel", user, "POST /checkout", "", `{"item":"pack_100","cancel_url":"https://evil.example/"}`, "400 validation"},
	{"another site to return to", user, "POST /portal", "", `{"return_url":"https://evil.example/"}`, "400 validation"},
	{"a longer name", user, "POST /portal", "", `{"return_url":"https://shop.example.evil.example/"}`, "400 validation"},
	{"our name as the user", user, "POST /portal", "", `{"return_url":"https://shop.example@evil.example/"}`, "400 validation"},
	{"our name as user and password", user, "POST /portal", "", `{"return_url":"https://shop.example:443@evil.example/"}`, "400 validation"},
	{"a user on our site", user, "POST /portal", "", `{"return_url":"https://u:p@shop.example/"}`, "400 validation"},
	{"our name in the path", user, "POST /portal", "", `{"return_url":"https://evil.example/https://shop.example/"}`, "400 validation"},
	{"our name in the query", user, "POST /portal", "", `{"return_url":"https://evil.example?https://shop.example/"}`, "400 validation"},
	{"our name after a hash", user, "POST /portal", "", `{"return_url":"https://evil.example#@shop.example/"}`, "400 validation"},
	{"a back slash", user, "POST /portal", "", `{"return_url":"https://evil.example\\@shop.example/"}`, "400 validation"},
	{"back slashes for slashes", user, "POST /portal", "", `{"return_url":"https:\\\\evil.example\\"}`, "400 validation"},
	{"three slashes", user, "POST /portal", "", `{"return_url":"https:///evil.example"}`, "400 validation"},
	{"no slashes", user, "POST /portal", "", `{"return_url":"https:evil.example"}`, "400 validation"},
	{"no scheme", user, "POST /portal", "", `{"return_url":"//shop.example/"}`, "400 validation"},
	{"a path", user, "POST /portal", "", `{"return_url":"/account"}`, "400 validation"},
	{"plain HTTP", user, "POST /portal", "", `{"return_url":"http://shop.example/"}`, "400 validation"},
	{"another port", user, "POST /portal", "", `{"return_url":"https://shop.example:8443/"}`, "400 validation"},
	{"a dot at the end of the name", user, "POST /portal", "", `{"return_url":"https://shop.example./"}`, "400 validation"},
	{"a dot, escaped", user, "POST /portal", "", `{"return_url":"https://shop%2eexample/"}`, "400 validation"},
	{"a dot of another script", user, "POST /portal", "", `{"return_url":"https://shop。example/"}`, "400 validation"},
	{"a letter of another script", user, "POST /portal", "", `{"return_url":"https://ѕhop.example/"}`, "400 validation"},
	{"a script", user, "POST /portal", "", `{"return_url":"javascript:alert(1)"}`, "400 validation"},
	{"a script at our name", user, "POST /portal", "", `{"return_url":"javascript://shop.example/%0aalert(1)"}`, "400 validation"},
	{"a page within the address", user, "POST /portal", "", `{"return_url":"data:text/html,<script>alert(1)</script>"}`, "400 validation"},
	{"a file", user, "POST /portal", "", `{"return_url":"file:///etc/passwd"}`, "400 validation"},
	{"an app's scheme", user, "POST /portal", "", `{"return_url":"evilapp://shop.example/"}`, "400 validation"},
	{"a space before", user, "POST /portal", "", `{"return_url":" https://shop.example/"}`, "400 validation"},
	{"a tab within the scheme", user, "POST /portal", "", `{"return_url":"java\tscript:alert(1)"}`, "400 validation"},
	{"2,001 letters", user, "POST /portal", "", `{"return_url":"https://shop.example/` + strings.Repeat("x", 1980) + `"}`, "400 validation"},
}

// endpointAttacks would make the server call itself, its network or its cloud (server-side request forgery).
var endpointAttacks = endpoints(
	"http://example.com/hook", "ftp://example.com/", "gopher://example.com/", "file:///etc/passwd", "javascript:alert(1)",
	"example.com", "//example.com", "https://", "https:///hook", "https://:443/", "https://user:password@example.com/",
	"https://example.com:0/", "https://example.com:99999/", "https://example.com/#a", "https://exa mple.com/",
	"https://localhost/", "https://LOCALHOST./", "https://a.localhost/", "https://127.0.0.1/", "https://127.0.0.1:8443/",
	"https://127.255.255.254/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1/",
	"https://0177.0.0.1/", "https://017700000001/", "https://127.0.0.1./", "https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/",
	"https://0.0.0.0/", "https://0/", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.0.1/", "https://100.64.0.1/",
	"https://169.254.169.254/latest/meta-data/", "https://2852039166/", "https://0xa9fea9fe/", "https://192.0.0.192/",
	"https://224.0.0.1/", "https://255.255.255.255/", "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/",
	"https://[::ffff:7f00:1]/", "https://[::127.0.0.1]/", "https://[::ffff:0:127.0.0.1]/", "https://[64:ff9b::7f00:1]/",
	"https://[2002:7f00:1::]/", "https://[2001::1]/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fd00:ec2::254]/",
	"https://[fec0::1]/", "https://[ff02::1]/", "https://[0:0:0:0:0:0:0:1]/",
)

// endpoints returns requests of an admin, who may have been deceived, for endpoints at addresses.
func endpoints(addresses ...string) (list []attack) {
	for _, address := range addresses {
		list = append(list, attack{
			address, admin, "POST /admin/webhooks", "", `{"url":"` + address + `"}`, "400 validation",
		})
	}
	return append(list, attack{
		"an endpoint that is moved", admin, "PUT /admin/webhooks/$HOOK", "", `{"url":"https://127.0.0.1/"}`, "400 validation",
	})
}

// keyAttacks use an Idempotency-Key for more than one request, or in more than one way.
var keyAttacks = []attack{
	{"a used key for another amount", user, spend, "Idempotency-Key: used\r\n", `{"amount":2}`, "422 idempotency-key-reused"},
	{"a used key with a description", user, spend, "Idempotency-Key: used\r\n", `{"amount":1,"description":"x"}`, "422 idempotency-key-reused"},
	{"a used key for a hold", user, "POST /points/holds", "Idempotency-Key: used\r\n", `{"amount":1}`, "422 idempotency-key-reused"},
	{"a used key again", user, spend, "Idempotency-Key: used\r\n", `{"amount":1}`, "200"},
	{"the customer's key by a service, for more than there is", worker, "POST /accounts/$ACCOUNT/spends", "Idempotency-Key: used\r\n", `{"amount":1000}`, "402 insufficient-points"},
	{"the service's key by the customer, for more than there is", user, spend, "Idempotency-Key: given\r\n", `{"amount":1000}`, "402 insufficient-points"},
	{"a key with the space of services", user, spend, "Idempotency-Key: service given\r\n", `{"amount":1}`, "400 validation"},
	{"a gift's key for another gift", worker, "POST /accounts/$ACCOUNT/grants", "Idempotency-Key: given\r\n", `{"amount":100,"reference":"another"}`, "422 idempotency-key-reused"},
	{"a gift's reference for more", worker, "POST /accounts/$ACCOUNT/grants", "Idempotency-Key: new\r\n", `{"amount":101,"reference":"given"}`, "409 conflict"},
	{"a key twice", user, spend, "Idempotency-Key: a\r\nIdempotency-Key: b\r\n", `{"amount":1}`, "400 validation"},
	{"a key of nothing", user, spend, "Idempotency-Key: \r\n", `{"amount":1}`, "400 validation"},
	{"a key of 256 letters", user, spend, "Idempotency-Key: " + strings.Repeat("k", 256) + "\r\n", `{"amount":1}`, "400 validation"},
	{"a key of 20,000 letters", user, spend, "Idempotency-Key: " + strings.Repeat("k", 20_000) + "\r\n", `{"amount":1}`, "400 validation"},
	{"a key with a tab", user, spend, "Idempotency-Key: a\tb\r\n", `{"amount":1}`, "400 validation"},
	{"a key that is not ASCII", user, spend, "Idempotency-Key: schl\xc3\xbcssel\r\n", `{"amount":1}`, "400 validation"},
	{"a key that is not UTF-8", user, spend, "Idempotency-Key: schl\xfcssel\r\n", `{"amount":1}`, "400 validation"},
	{"a service without a key", worker, "POST /accounts/$ACCOUNT/spends", "", `{"amount":1}`, "400 validation"},
	{"an admin without a key", admin, "POST /admin/accounts/$ACCOUNT/grants", "", `{"amount":1,"reason":"r"}`, "400 validation"},
	{"a key of a purchase twice", user, "POST /checkout", "Idempotency-Key: a\r\nIdempotency-Key: a\r\n", `{"item":"pack_100"}`, "400 validation"},
}

const (
	hook       = "POST /webhook"
	knownEvent = `{"id":"evt_new","object":"event","type":"customer.updated","created":1700000000,"livemode":false,"data":{"object":{"id":"cus_1","object":"customer"}}}`
)

// webhookAttacks pretend to be Stripe.
var webhookAttacks = []attack{
	{"no signature", anonymous, hook, "", knownEvent, "400 validation"},
	{"an empty signature", anonymous, hook, "Stripe-Signature: \r\n", knownEvent, "400 validation"},
	{"a signature that is none", anonymous, hook, "Stripe-Signature: whatever\r\n", knownEvent, "400 validation"},
	{"another secret", anonymous, hook, "Stripe-Signature: $SIGNED_BY_ANOTHER\r\n", knownEvent, "400 validation"},
	{"no secret", anonymous, hook, "Stripe-Signature: $SIGNED_BY_NOTHING\r\n", knownEvent, "400 validation"},
	{"the key of our tokens as the secret", anonymous, hook, "Stripe-Signature: $SIGNED_BY_TOKEN\r\n", knownEvent, "400 validation"},
	{"another body", anonymous, hook, "Stripe-Signature: $SIGNED_ELSE\r\n", knownEvent, "400 validation"},
	{"an old time", anonymous, hook, "Stripe-Signature: $SIGNED_OLD\r\n", knownEvent, "400 validation"},
	{"a time to come", anonymous, hook, "Stripe-Signature: $SIGNED_LATER\r\n", knownEvent, "400 validation"},
	{"two times", anonymous, hook, "Stripe-Signature: $SIGNED_TWO_TIMES\r\n", knownEvent, "400 validation"},
	{"no time", anonymous, hook, "Stripe-Signature: $SIGNED_WITHOUT_TIME\r\n", knownEvent, "400 validation"},
	{"the scheme of tests", anonymous, hook, "Stripe-Signature: $SIGNED_OLD_SCHEME\r\n", knownEvent, "400 validation"},
	{"two headers, the second is right", anonymous, hook, "Stripe-Signature: t=1,v1=00\r\nStripe-Signature: $SIGNED\r\n", knownEvent, "400 validation"},
	{"a thousand signatures", anonymous, hook, "Stripe-Signature: t=1" + strings.Repeat(",v1=00", 1000) + "\r\n", knownEvent, "400 validation"},
	{"half a megabyte and a byte", anonymous, hook, "Stripe-Signature: $SIGNED\r\n", strings.Repeat(" ", 512<<10+1), "413 payload-too-large"},
	{"signed, and empty", anonymous, hook, "Stripe-Signature: $SIGNED\r\n", ` `, "400 validation"},
	{"signed, and null", anonymous, hook, "Stripe-Signature: $SIGNED\r\n", `null`, "400 validation"},
	{"signed, and no event", anonymous, hook, "Stripe-Signature: $SIGNED\r\n", `{"object":"charge"}`, "400 validation"},
	{"signed, and deep", anonymous, hook, "Stripe-Signature: $SIGNED\r\n", strings.Repeat("[", 200_000), "400 validation"},
	{"a token in place of a signature", user, hook, "", knownEvent, "400 validation"},
	{"a known event again", anonymous, hook, "Stripe-Signature: $SIGNED\r\n", `{"id":"evt_known","object":"event","type":"customer.updated","created":1700000000,"livemode":false,"data":{"object":{"id":"cus_1","object":"customer"}}}`, "200"},
	{"a known event with another customer", anonymous, hook, "Stripe-Signature: $SIGNED\r\n", `{"id":"evt_known","object":"event","type":"customer.deleted","created":1700000001,"livemode":false,"data":{"object":{"id":"cus_2","object":"customer"}}}`, "200"},
}
