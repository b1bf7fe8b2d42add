package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	provision "sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// The storage driver: each volume is a directory, and belongs to the host that its first pod was placed on.
const provisioner = "local/directory"

const resizeEvery = time.Second

// As a provider has a largest disk: claims that ask for more wait for ever.
var largest = resource.MustParse("1Ti")

type directories struct{ root string }

func (d directories) Provision(
	_ context.Context, asked provision.ProvisionOptions,
) (*v1.PersistentVolume, provision.ProvisioningState, error) {
	path := filepath.Join(d.root, asked.PVName)
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, provision.ProvisioningFinished, fmt.Errorf("volume %s: %w", asked.PVName, err)
	}
	// A directory obeys the umask, and the users in containers are nobody's here.
	if err := os.Chmod(path, 0o777); err != nil {
		return nil, provision.ProvisioningFinished, fmt.Errorf("volume %s: %w", asked.PVName, err)
	}
	return asVolume(asked, path), provision.ProvisioningFinished, nil
}

func (d directories) Delete(_ context.Context, volume *v1.PersistentVolume) error {
	return os.RemoveAll(volume.Spec.HostPath.Path)
}

func asVolume(asked provision.ProvisionOptions, path string) *v1.PersistentVolume {
	kind := v1.HostPathDirectory
	volume := &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: asked.PVName},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *asked.StorageClass.ReclaimPolicy,
			AccessModes:                   asked.PVC.Spec.AccessModes,
			Capacity: v1.ResourceList{
				v1.ResourceStorage: asked.PVC.Spec.Resources.Requests[v1.ResourceStorage],
			},
			PersistentVolumeSource: v1.PersistentVolumeSource{
				HostPath: &v1.HostPathVolumeSource{Path: path, Type: &kind},
			},
		},
	}
	if asked.SelectedNodeName == "" {
		return volume
	}
	host := v1.NodeSelectorRequirement{
		Key: v1.LabelHostname, Operator: v1.NodeSelectorOpIn, Values: []string{asked.SelectedNodeName},
	}
	volume.Spec.NodeAffinity = &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{
		NodeSelectorTerms: []v1.NodeSelectorTerm{{MatchExpressions: []v1.NodeSelectorRequirement{host}}},
	}}
	return volume
}

// growAll gives every claim the size that it asks for. A directory has no size, so only the objects change.
func growAll(ctx context.Context, client kubernetes.Interface) error {
	claims, err := client.CoreV1().PersistentVolumeClaims("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list claims: %w", err)
	}
	for i := range claims.Items {
		claim := &claims.Items[i]
		wanted, has := claim.Spec.Resources.Requests[v1.ResourceStorage], claim.Status.Capacity[v1.ResourceStorage]
		if claim.Status.Phase != v1.ClaimBound || wanted.Cmp(has) <= 0 || wanted.Cmp(largest) > 0 {
			continue
		}
		volume, err := client.CoreV1().PersistentVolumes().Get(ctx, claim.Spec.VolumeName, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("volume of %s: %w", claim.Name, err)
		}
		volume.Spec.Capacity[v1.ResourceStorage] = wanted
		if _, err = client.CoreV1().PersistentVolumes().Update(ctx, volume, metav1.UpdateOptions{}); err != nil {
			return fmt.Errorf("grow volume of %s: %w", claim.Name, err)
		}
		claim.Status.Capacity[v1.ResourceStorage] = wanted
		claim.Status.Conditions = nil
		claims := client.CoreV1().PersistentVolumeClaims(claim.Namespace)
		if _, err = claims.UpdateStatus(ctx, claim, metav1.UpdateOptions{}); err != nil {
			return fmt.Errorf("grow %s: %w", claim.Name, err)
		}
		klog.InfoS("grown", "claim", claim.Name, "to", wanted.String())
	}
	return nil
}

func newStorageCommand() *cobra.Command {
	var kubeconfig, root string
	command := &cobra.Command{
		Use:   "storage",
		Short: "makes, grows and deletes directories as volumes of the provisioner " + provisioner,
		RunE: func(command *cobra.Command, _ []string) error {
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			if err != nil {
				return fmt.Errorf("kubeconfig %s: %w", kubeconfig, err)
			}
			client, err := kubernetes.NewForConfig(config)
			if err != nil {
				return err
			}
			ctx := command.Context()
			go func() {
				for ; ctx.Err() == nil; time.Sleep(resizeEvery) {
					if err := growAll(ctx, client); err != nil {
						klog.ErrorS(err, "volumes do not grow; trying again")
					}
				}
			}()
			controller := provision.NewProvisionController(
				ctx, client, provisioner, directories{root}, provision.LeaderElection(false))
			controller.Run(ctx)
			return nil
		},
	}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "path of a kubeconfig")
	command.Flags().StringVar(&root, "root", "", "directory that holds the volumes")
	return command
}
