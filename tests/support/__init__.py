"""What tests stand on: throwaway services, actors, factories that walk the flow."""
