"""What finite elements in the plane are made of: curves that bound a domain, triangles, weak forms, and their solution."""
