"""What the services need of AWS and of Kubernetes, written from the same files that they run by."""
