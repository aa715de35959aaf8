"""The cluster that is up, whatever its profile: started and stopped, given images, and our operator."""
