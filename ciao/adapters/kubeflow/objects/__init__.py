"""What is sent: a job and its ConfigMap, made from a JobSpec. Pure."""
