// Package manifests tests the manifests of docs/operations/kubernetes. It holds no code.
package manifests

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

const folder = "../../docs/operations/kubernetes"

// TestManifests proves that Kubernetes knows each member of the manifests, and that what they name is there: the pods
// that the Service, the budget and the policy select, the settings, and the ports.
func TestManifests(t *testing.T) {
	t.Parallel()
	var (
		deployment appsv1.Deployment
		service    corev1.Service
		budget     policyv1.PodDisruptionBudget
		policy     networkingv1.NetworkPolicy
		settings   corev1.ConfigMap
		secret     corev1.Secret
	)
	into := map[string]any{
		"apps/v1 Deployment": &deployment, "v1 Service": &service, "policy/v1 PodDisruptionBudget": &budget,
		"networking.k8s.io/v1 NetworkPolicy": &policy, "v1 ConfigMap": &settings, "v1 Secret": &secret,
	}
	for _, document := range documents(t) {
		var head struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal([]byte(document), &head); err != nil {
			t.Fatal(err)
		}
		object := into[head.APIVersion+" "+head.Kind]
		if object == nil {
			t.Fatalf("%s %s is there twice, or is not known here", head.APIVersion, head.Kind)
		}
		if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
			t.Fatalf("%s: %v", head.Kind, err)
		}
		delete(into, head.APIVersion+" "+head.Kind)
	}
	if len(into) > 0 {
		t.Errorf("these are missing: %v", into)
	}
	pod := deployment.Spec.Template
	for name, selected := range map[string]map[string]string{
		"Deployment": deployment.Spec.Selector.MatchLabels, "Service": service.Spec.Selector,
		"budget": budget.Spec.Selector.MatchLabels, "policy": policy.Spec.PodSelector.MatchLabels,
	} {
		if !reflect.DeepEqual(selected, pod.Labels) {
			t.Errorf("the %s selects %v, and the pods have %v", name, selected, pod.Labels)
		}
	}
	ports := map[string]bool{}
	for _, c := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
		if c.EnvFrom[0].ConfigMapRef.Name != settings.Name || c.EnvFrom[1].SecretRef.Name != secret.Name {
			t.Errorf("%s has its settings from %+v", c.Name, c.EnvFrom)
		}
		if c.Image != pod.Spec.Containers[0].Image || !*c.SecurityContext.ReadOnlyRootFilesystem {
			t.Errorf("%s has the image %s, and %+v", c.Name, c.Image, c.SecurityContext)
		}
		for _, p := range c.Ports {
			ports[p.Name] = true
		}
	}
	for _, rule := range policy.Spec.Ingress {
		if !ports[rule.Ports[0].Port.StrVal] {
			t.Errorf("the policy names the port %v", rule.Ports[0].Port)
		}
	}
	if !ports[service.Spec.Ports[0].TargetPort.StrVal] {
		t.Errorf("the Service leads to the port %v", service.Spec.Ports[0].TargetPort)
	}
}

func documents(t *testing.T) (all []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.Split(string(text), "\n---\n")...)
	}
	return all
}
