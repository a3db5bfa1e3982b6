package sandbox

import (
	"net/http"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// operations are the API that the sandbox serves. Each is named as in Stripe's document and accepts the parameters that
// the document lists for it.
var operations = map[string]operation{
	"GET /v1/account":            getAccount,
	"GET /v1/accounts/{account}": getAccountByID,
	"GET /v1/balance":            getBalance,

	"GET /v1/customers/search":       searchCustomers,
	"GET /v1/charges/search":         searchCharges,
	"GET /v1/invoices/search":        searchInvoices,
	"GET /v1/payment_intents/search": searchIntents,
	"GET /v1/prices/search":          searchPrices,
	"GET /v1/products/search":        searchProducts,
	"GET /v1/subscriptions/search":   searchSubscriptions,

	"POST /v1/customers/{customer}/tax_ids":                                createTaxID,
	"GET /v1/customers/{customer}/tax_ids":                                 listTaxIDs,
	"GET /v1/customers/{customer}/tax_ids/{id}":                            getTaxID,
	"DELETE /v1/customers/{customer}/tax_ids/{id}":                         deleteTaxID,
	"GET /v1/customers/{customer}/cash_balance":                            getCashBalance,
	"POST /v1/customers/{customer}/cash_balance":                           updateCashBalance,
	"GET /v1/customers/{customer}/cash_balance_transactions":               listCashTransactions,
	"GET /v1/customers/{customer}/cash_balance_transactions/{transaction}": getCashTransaction,
	"POST /v1/customers/{customer}/funding_instructions":                   createFundingInstructions,
	"POST /v1/test_helpers/customers/{customer}/fund_cash_balance":         fundCashBalance,

	"POST /v1/refunds/{refund}/cancel":              cancelRefund,
	"POST /v1/test_helpers/refunds/{refund}/expire": expireRefund,

	"GET /v1/balance_transactions":      listBalanceTransactions,
	"GET /v1/balance_transactions/{id}": getBalanceTransaction,

	"POST /v1/customers":                                            createCustomer,
	"GET /v1/customers":                                             listCustomers,
	"GET /v1/customers/{customer}":                                  getCustomer,
	"POST /v1/customers/{customer}":                                 updateCustomer,
	"DELETE /v1/customers/{customer}":                               deleteCustomer,
	"GET /v1/customers/{customer}/payment_methods":                  listCustomerPaymentMethods,
	"GET /v1/customers/{customer}/payment_methods/{payment_method}": getCustomerPaymentMethod,

	"POST /v1/customers/{customer}/sources":                            createSource,
	"GET /v1/customers/{customer}/sources":                             listSources,
	"GET /v1/customers/{customer}/sources/{id}":                        getSource,
	"POST /v1/customers/{customer}/sources/{id}":                       updateSource,
	"DELETE /v1/customers/{customer}/sources/{id}":                     deleteSource,
	"POST /v1/customers/{customer}/balance_transactions":               createBalanceEntry,
	"GET /v1/customers/{customer}/balance_transactions":                listBalanceEntries,
	"GET /v1/customers/{customer}/balance_transactions/{transaction}":  getBalanceEntry,
	"POST /v1/customers/{customer}/balance_transactions/{transaction}": updateBalanceEntry,
	"POST /v1/tokens":        createToken,
	"GET /v1/tokens/{token}": getToken,

	"GET /v1/radar/early_fraud_warnings":                       listEarlyFraudWarnings,
	"GET /v1/radar/early_fraud_warnings/{early_fraud_warning}": getEarlyFraudWarning,

	"POST /v1/products":        createProduct,
	"GET /v1/products":         listProducts,
	"GET /v1/products/{id}":    getProduct,
	"POST /v1/products/{id}":   updateProduct,
	"DELETE /v1/products/{id}": deleteProduct,

	"POST /v1/prices":         createPrice,
	"GET /v1/prices":          listPrices,
	"GET /v1/prices/{price}":  getPrice,
	"POST /v1/prices/{price}": updatePrice,

	"POST /v1/coupons":            createCoupon,
	"GET /v1/coupons":             listCoupons,
	"GET /v1/coupons/{coupon}":    getCoupon,
	"POST /v1/coupons/{coupon}":   updateCoupon,
	"DELETE /v1/coupons/{coupon}": deleteCoupon,

	"POST /v1/promotion_codes":                                    createPromotionCode,
	"GET /v1/promotion_codes":                                     listPromotionCodes,
	"GET /v1/promotion_codes/{promotion_code}":                    getPromotionCode,
	"POST /v1/promotion_codes/{promotion_code}":                   updatePromotionCode,
	"DELETE /v1/customers/{customer}/discount":                    deleteCustomerDiscount,
	"DELETE /v1/subscriptions/{subscription_exposed_id}/discount": deleteSubscriptionDiscount,

	"POST /v1/payment_methods":                         createPaymentMethod,
	"GET /v1/payment_methods":                          listPaymentMethods,
	"GET /v1/payment_methods/{payment_method}":         getPaymentMethod,
	"POST /v1/payment_methods/{payment_method}":        updatePaymentMethod,
	"POST /v1/payment_methods/{payment_method}/attach": attachPaymentMethod,
	"POST /v1/payment_methods/{payment_method}/detach": detachPaymentMethod,

	"POST /v1/payment_intents":                                  createPaymentIntent,
	"GET /v1/payment_intents":                                   listPaymentIntents,
	"GET /v1/payment_intents/{intent}":                          getPaymentIntent,
	"POST /v1/payment_intents/{intent}":                         updatePaymentIntent,
	"POST /v1/payment_intents/{intent}/confirm":                 confirmPaymentIntent,
	"POST /v1/payment_intents/{intent}/cancel":                  cancelPaymentIntent,
	"POST /v1/payment_intents/{intent}/capture":                 capturePaymentIntent,
	"POST /v1/payment_intents/{intent}/increment_authorization": incrementAuthorization,
	"POST /v1/payment_intents/{intent}/apply_customer_balance":  applyCustomerBalance,
	"POST /v1/payment_intents/{intent}/verify_microdeposits":    verifyMicrodeposits,

	"POST /v1/setup_intents":                  createSetupIntent,
	"GET /v1/setup_intents":                   listSetupIntents,
	"GET /v1/setup_intents/{intent}":          getSetupIntent,
	"POST /v1/setup_intents/{intent}":         updateSetupIntent,
	"POST /v1/setup_intents/{intent}/confirm": confirmSetupIntent,
	"POST /v1/setup_intents/{intent}/cancel":  cancelSetupIntent,

	"GET /v1/charges":                   listCharges,
	"GET /v1/charges/{charge}":          getCharge,
	"POST /v1/charges":                  createCharge,
	"POST /v1/charges/{charge}/capture": captureCharge,
	"POST /v1/charges/{charge}":         updateCharge,

	"GET /v1/disputes":                  listDisputes,
	"GET /v1/disputes/{dispute}":        getDispute,
	"POST /v1/disputes/{dispute}":       updateDispute,
	"POST /v1/disputes/{dispute}/close": closeDisputeByHand,

	"POST /v1/refunds":          createRefund,
	"GET /v1/refunds":           listRefunds,
	"GET /v1/refunds/{refund}":  getRefund,
	"POST /v1/refunds/{refund}": updateRefund,

	"POST /v1/checkout/sessions":                     createSession,
	"GET /v1/checkout/sessions":                      listSessions,
	"GET /v1/checkout/sessions/{session}":            getSession,
	"POST /v1/checkout/sessions/{session}/expire":    expireSessionByHand,
	"GET /v1/checkout/sessions/{session}/line_items": listSessionItems,
	"GET /v1/payment_pages/{session}":                getPaymentPage,
	"POST /v1/payment_pages/{session}":               updatePaymentPage,
	"POST /v1/payment_pages/{session}/confirm":       confirmPaymentPage,

	"POST /v1/subscriptions":                             createSubscription,
	"GET /v1/subscriptions":                              listSubscriptions,
	"GET /v1/subscriptions/{subscription_exposed_id}":    getSubscription,
	"POST /v1/subscriptions/{subscription_exposed_id}":   updateSubscription,
	"DELETE /v1/subscriptions/{subscription_exposed_id}": deleteSubscription,
	"POST /v1/subscriptions/{subscription}/resume":       resumeSubscription,
	"GET /v1/subscription_items":                         listSubscriptionItems,
	"GET /v1/subscription_items/{item}":                  getSubscriptionItem,
	"POST /v1/subscription_items":                        createSubscriptionItem,
	"POST /v1/subscription_items/{item}":                 updateSubscriptionItem,
	"DELETE /v1/subscription_items/{item}":               deleteSubscriptionItem,

	"POST /v1/subscription_schedules":                    createSchedule,
	"GET /v1/subscription_schedules":                     listSchedules,
	"GET /v1/subscription_schedules/{schedule}":          getSchedule,
	"POST /v1/subscription_schedules/{schedule}":         updateSchedule,
	"POST /v1/subscription_schedules/{schedule}/cancel":  cancelSchedule,
	"POST /v1/subscription_schedules/{schedule}/release": releaseSchedule,

	"POST /v1/invoices":                              createInvoice,
	"GET /v1/invoices":                               listInvoices,
	"GET /v1/invoices/upcoming":                      upcomingInvoice,
	"GET /v1/invoices/upcoming/lines":                upcomingLines,
	"GET /v1/invoices/{invoice}":                     getInvoice,
	"POST /v1/invoices/{invoice}":                    updateInvoice,
	"DELETE /v1/invoices/{invoice}":                  deleteInvoice,
	"GET /v1/invoices/{invoice}/lines":               listInvoiceLines,
	"POST /v1/invoices/{invoice}/finalize":           finalizeInvoice,
	"POST /v1/invoices/{invoice}/pay":                payInvoiceByHand,
	"POST /v1/invoices/{invoice}/void":               voidInvoiceByHand,
	"POST /v1/invoices/{invoice}/mark_uncollectible": markUncollectible,
	"POST /v1/invoices/{invoice}/send":               sendInvoiceByHand,
	"POST /v1/invoiceitems":                          createInvoiceItem,
	"GET /v1/invoiceitems":                           listInvoiceItems,
	"GET /v1/invoiceitems/{invoiceitem}":             getInvoiceItem,
	"POST /v1/invoiceitems/{invoiceitem}":            updateInvoiceItem,
	"DELETE /v1/invoiceitems/{invoiceitem}":          deleteInvoiceItem,

	"POST /v1/billing_portal/sessions":                       createPortalSession,
	"POST /v1/billing_portal/configurations":                 createPortalConfiguration,
	"GET /v1/billing_portal/configurations":                  listPortalConfigurations,
	"GET /v1/billing_portal/configurations/{configuration}":  getPortalConfiguration,
	"POST /v1/billing_portal/configurations/{configuration}": updatePortalConfiguration,

	"GET /v1/events":      listEvents,
	"GET /v1/events/{id}": getEvent,

	"POST /v1/webhook_endpoints":                      createEndpoint,
	"GET /v1/webhook_endpoints":                       listEndpoints,
	"GET /v1/webhook_endpoints/{webhook_endpoint}":    getEndpoint,
	"POST /v1/webhook_endpoints/{webhook_endpoint}":   updateEndpoint,
	"DELETE /v1/webhook_endpoints/{webhook_endpoint}": deleteEndpoint,

	"POST /v1/test_helpers/test_clocks":                      createTestClock,
	"GET /v1/test_helpers/test_clocks":                       listTestClocks,
	"GET /v1/test_helpers/test_clocks/{test_clock}":          getTestClock,
	"DELETE /v1/test_helpers/test_clocks/{test_clock}":       deleteTestClock,
	"POST /v1/test_helpers/test_clocks/{test_clock}/advance": advanceTestClock,
}

func (s *Sandbox) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, do := range operations {
		mux.HandleFunc(pattern, s.api(pattern, do))
	}
	mux.HandleFunc("/v1/", unknownURL)
	mux.HandleFunc("GET /_sandbox/clock", s.showClock)
	mux.HandleFunc("POST /_sandbox/clock", s.advanceClock)
	mux.HandleFunc("GET /_sandbox/settings", s.showSettings)
	mux.HandleFunc("POST /_sandbox/settings", s.changeSettings)
	mux.HandleFunc("POST /_sandbox/webhooks/flush", s.flushWebhooks)
	mux.HandleFunc("GET /_sandbox/faults", s.listFaults)
	mux.HandleFunc("POST /_sandbox/faults", s.setFault)
	mux.HandleFunc("DELETE /_sandbox/faults", s.clearFaults)
	mux.HandleFunc("DELETE /_sandbox/faults/{fault}", s.clearFaults)
	mux.HandleFunc("POST /_sandbox/subscriptions/{subscription}/next_invoice", s.decideNextInvoice)
	mux.HandleFunc("POST /_sandbox/payments/{payment}/refund", s.refundByHand)
	mux.HandleFunc("POST /_sandbox/payments/{payment}/dispute", s.disputeByHand)
	mux.HandleFunc("POST /_sandbox/refunds/{refund}/hold", s.holdRefund)
	mux.HandleFunc("POST /_sandbox/intents/{intent}/authenticate", s.authenticateByHand)
	mux.HandleFunc("POST /_sandbox/intents/{intent}/settle", s.settleByHand)
	mux.HandleFunc("POST /_sandbox/disputes/{dispute}/close", s.decideDispute)
	mux.HandleFunc("POST /_sandbox/events/{event}/resend", s.resendEvent)
	mux.HandleFunc("GET /_sandbox/deliveries", s.listAttempts)
	mux.HandleFunc("GET /_sandbox/stream", s.stream)
	mux.HandleFunc("POST /_sandbox/webhook_endpoints/{endpoint}/roll", s.rollSecret)
	mux.HandleFunc("GET /c/pay/{session}", s.showCheckout)
	mux.HandleFunc("POST /c/pay/{session}", s.postCheckout)
	mux.HandleFunc("GET /i/{invoice}", s.showInvoice)
	mux.HandleFunc("POST /i/{invoice}", s.postInvoice)
	mux.HandleFunc("GET /p/session/{session}", s.showPortal)
	mux.HandleFunc("POST /p/session/{session}", s.postPortal)
	mux.HandleFunc("GET /p/session/{session}/flow", s.showPortal)
	mux.HandleFunc("POST /p/session/{session}/flow", s.postPortal)
	mux.HandleFunc("GET /p/login/{configuration}", s.showLogin)
	mux.HandleFunc("POST /p/login/{configuration}", s.postLogin)
	mux.HandleFunc("GET /{$}", s.showIndex)
	mux.HandleFunc("GET /panel/{book}", s.showBook)
	mux.HandleFunc("GET /panel/object/{id}", s.showObject)
	mux.HandleFunc("GET /panel/search", s.searchPanel)
	mux.HandleFunc("POST /panel/{action}", s.actOnPanel(mux))
	mux.HandleFunc("/", s.showNothing)
	return s.dated(guarded(s.faulty(mux)))
}

// dated sets the Date of every response to the sandbox's clock, because clients measure their clock's skew by it.
func (s *Sandbox) dated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		now := s.world.mainNow()
		s.mu.Unlock()
		out.Header().Set("Date", time.Unix(now, 0).UTC().Format(http.TimeFormat))
		next.ServeHTTP(out, r)
	})
}

// unknownURL refuses a URL that the sandbox does not serve. If Stripe has an operation there, the error says so. If
// not, the error is Stripe's 404.
func unknownURL(out http.ResponseWriter, r *http.Request) {
	requestID := newID("req_", 14)
	if _, refusal := authenticate(r); refusal != nil {
		answerError(out, requestID, refusal)
		return
	}
	if spec.Official(r.Method, r.URL.Path) {
		answerError(
			out, requestID,
			invalid("", "The sandbox does not act out %s %s: see docs/sandbox.md.", r.Method, r.URL.Path),
		)
		return
	}
	e := invalid(
		"",
		"Unrecognized request URL (%s: %s). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.",
		r.Method, r.URL.Path,
	)
	e.status = http.StatusNotFound
	answerError(out, requestID, e)
}
