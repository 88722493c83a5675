"""What comes back, understood: pods, jobs, events and refusals as facts and sentences. Pure."""
