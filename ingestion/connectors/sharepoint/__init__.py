"""SharePoint Online, through Microsoft Graph: libraries by their change feeds, site pages, permissions, groups."""
