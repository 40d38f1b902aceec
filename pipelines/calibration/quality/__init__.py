"""Quality of frames: measured, checked, followed from night to night."""
