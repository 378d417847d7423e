"""The ground floor: transactions, tenancy, events, due work. Knows no clinic business."""
