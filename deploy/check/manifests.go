package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	sigsyaml "sigs.k8s.io/yaml"
)

// foreign lists kinds that are not Kubernetes's own: their fields are not known here.
var foreign = map[string]bool{"monitoring.coreos.com/v1 ServiceMonitor": true, "monitoring.coreos.com/v1 PrometheusRule": true}

// manifests returns what is wrong with a stream of Kubernetes objects.
func manifests(r io.Reader) (problems []string) {
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme,
		json.SerializerOptions{Yaml: true, Strict: true})
	documents := yaml.NewYAMLReader(bufio.NewReader(r))
	objects := 0
	for {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return append(problems, err.Error())
		}
		var head struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Metadata   struct {
				Name string `json:"name"`
			} `json:"metadata"`
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		if err := sigsyaml.Unmarshal(text, &head); err != nil {
			problems = append(problems, err.Error())
			continue
		}
		if head.Kind == "" { // nothing but comments
			continue
		}
		objects++
		name := fmt.Sprintf("%s %s", head.Kind, head.Metadata.Name)
		if _, _, err := strict.Decode(text, nil, nil); err != nil {
			if runtime.IsNotRegisteredError(err) && foreign[head.APIVersion+" "+head.Kind] {
				continue
			}
			problems = append(problems, fmt.Sprintf("%s: %v", name, err))
		}
	}
	if objects == 0 {
		problems = append(problems, "no object at all")
	}
	return problems
}
