"""What others need to test their storages, serializers and databases; needs pytest."""
